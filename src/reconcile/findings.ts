/** Kinds of things that the action keeps, in the words of the output `changes`. */
export type ResourceType =
  | 'resource group'
  | 'server'
  | 'server parameter'
  | 'extension allow-list'
  | 'firewall rule'
  | 'database'
  | 'role'
  | 'extension';

/** One thing that a run does or did to a kept thing; an element of the output `changes` (contract.md). */
export interface Change {
  readonly resource: ResourceType;
  readonly name: string;
  readonly action: 'create' | 'update' | 'start' | 'delete';
  readonly details: string;
}

/** A thing that was dropped; an element of the output `dropped` (contract.md). */
export interface Dropped {
  readonly resource: ResourceType;
  readonly name: string;
}

/** A thing that a sweep looked at and left, and why. */
export interface Skipped extends Dropped {
  readonly reason: string;
}

/** One difference between what is declared and what is there; an element of the output `drift` (contract.md). */
export interface Finding {
  readonly resource: ResourceType;
  readonly name: string;
  readonly property: string;
  readonly expected: string;
  readonly actual: string;
  readonly kind: 'changed' | 'missing' | 'unexpected' | 'unknown';
}

/** Unknown is no drift (law 8). */
export const isDrift = ({ kind }: Finding): boolean => kind !== 'unknown';

/** A finding that stays, with what would end it: a sentence for people. */
export interface ReportedFinding extends Finding {
  readonly remedy: string;
}

/**
 * What looking told. A 404 is absent; a 403, a timeout, a stopped server are unknown, and unknown never leads to a
 * create or a delete (design.md, law 8).
 */
export type Observed<T> =
  | { readonly status: 'present'; readonly value: T }
  | { readonly status: 'absent' }
  | { readonly status: 'unknown'; readonly error: Error };

/** What asking told where there is no absence: an answer, or none. */
export type Lookup<T> = Exclude<Observed<T>, { readonly status: 'absent' }>;

export const present = <T>(value: T): Lookup<T> => ({ status: 'present', value });
export const absent: Observed<never> = { status: 'absent' };
export const unknown = (error: Error): Lookup<never> => ({ status: 'unknown', error });

/**
 * A finding, and the change that would mend it in place; none where nothing can or may. Without a finding it is only
 * what another one's mending needs: an absent parent is one finding, not one for each of its own parents.
 */
export type Diff = DiffWithFinding | { readonly finding?: undefined; readonly change: Change };

export interface DiffWithFinding {
  readonly finding: Finding;
  readonly change?: Change;
  /** What would end the finding, where that is not simply its mend. */
  readonly remedy?: string;
  /** Somebody may have meant it: mended only with `on-drift: fix`, also where the thing is ours. */
  readonly requiresFix?: true;
}

/** Kinds of things that the action keeps, in the words of the output `changes`. */
export type ResourceType = 'resource group' | 'server' | 'server parameter' | 'firewall rule' | 'database';

/** One thing that a run does or did to a kept thing; an element of the output `changes` (contract.md). */
export interface Change {
  readonly resource: ResourceType;
  readonly name: string;
  readonly action: 'create' | 'update' | 'start' | 'delete';
  readonly details: string;
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

/**
 * What looking told. A 404 is absent; a 403, a timeout, a stopped server are unknown, and unknown never leads to a
 * create or a delete (design.md, law 8).
 */
export type Observed<T> =
  | { readonly status: 'present'; readonly value: T }
  | { readonly status: 'absent' }
  | { readonly status: 'unknown'; readonly error: Error };

export const present = <T>(value: T): Observed<T> => ({ status: 'present', value });
export const absent: Observed<never> = { status: 'absent' };
export const unknown = (error: Error): Observed<never> => ({ status: 'unknown', error });

/**
 * A finding, and the change that would mend it in place; none where nothing can or may. Without a finding it is only
 * what another one's mending needs: an absent parent is one finding, not one for each of its own parents.
 */
export type Difference =
  | { readonly finding: Finding; readonly mend?: Change }
  | { readonly finding?: undefined; readonly mend: Change };

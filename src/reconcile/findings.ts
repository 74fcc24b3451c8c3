/** Types of resources that the action manages, as the output `changes` names them. */
export type ResourceType =
  | 'resource group'
  | 'server'
  | 'server parameter'
  | 'extension allow-list'
  | 'firewall rule'
  | 'database'
  | 'role'
  | 'extension';

/** One planned or applied change; an element of the output `changes`. */
export interface Change {
  readonly resource: ResourceType;
  readonly name: string;
  readonly action: 'create' | 'update' | 'start' | 'delete';
  readonly details: string;
}

/** A deleted resource; an element of the output `dropped`. */
export interface Dropped {
  readonly resource: ResourceType;
  readonly name: string;
}

/** A resource that `drop` or `sweep` does not delete, and why. */
export interface Skipped extends Dropped {
  readonly reason: string;
}

/** What a clone does not carry from the template to the role of the pull request. */
export interface NotCarried {
  /** An object, as its type and its name. */
  readonly subject: string;
  /** A phrase without a full stop. */
  readonly reason: string;
}

/** One difference between the declared and the actual state; an element of the output `drift`. */
export interface Finding {
  readonly resource: ResourceType;
  readonly name: string;
  /** Empty if the finding concerns the whole resource. */
  readonly property: string;
  readonly expected: string;
  readonly actual: string;
  readonly kind: 'changed' | 'missing' | 'unexpected' | 'unknown';
}

/** An unknown state is a finding, but it is not drift. */
export const isDrift = ({ kind }: Finding): boolean => kind !== 'unknown';

/** A finding with the action that would resolve it, as a phrase for users. */
export interface ReportedFinding extends Finding {
  readonly remedy: string;
}

/** Drift without findings about the same property of the same resource; the first one is kept. */
export const uniqueDrift = (findings: readonly ReportedFinding[]): readonly ReportedFinding[] =>
  findings
    .filter(isDrift)
    .filter((finding, i, drift) => drift.findIndex((other) => isSameFinding(finding, other)) === i);

const isSameFinding = (one: Finding, other: Finding): boolean =>
  one.resource === other.resource && one.name === other.name && one.property === other.property;

/**
 * The result of reading a resource. A 404 means absent. A 403, a timeout or a stopped server means unknown, and unknown
 * never leads to a creation or a deletion.
 */
export type Observed<T> =
  | { readonly status: 'present'; readonly value: T }
  | { readonly status: 'absent' }
  | { readonly status: 'unknown'; readonly error: Error };

/** The result of a query that has no "absent": a value, or unknown. */
export type Lookup<T> = Exclude<Observed<T>, { readonly status: 'absent' }>;

export const present = <T>(value: T): Lookup<T> => ({ status: 'present', value });
export const absent: Observed<never> = { status: 'absent' };
export const unknown = (error: Error): Lookup<never> => ({ status: 'unknown', error });

/**
 * A finding and the change that resolves it in place, if one exists. A diff without a finding is a change that another
 * finding requires: a missing server is one finding, and creating its resource group is not another.
 */
export type Diff = DiffWithFinding | { readonly finding?: undefined; readonly change: Change };

export interface DiffWithFinding {
  readonly finding: Finding;
  readonly change?: Change;
  /** What resolves the finding, if this is more than applying the change. */
  readonly remedy?: string;
  /** The difference may be intended, so it is changed only with `on-drift: fix`, even on a managed role. */
  readonly requiresFix?: true;
}

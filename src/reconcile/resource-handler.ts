import type { CheckConfig, EnsureConfig } from '../inputs/types.ts';
import type { Change, Diff, Finding, Observed, ResourceType } from './findings.ts';

/**
 * How one type of resource is read, compared and changed.
 * @template D one desired resource
 * @template O its observed state
 * @template R client that reads
 * @template W client that writes; `never` for a handler that has nothing to write
 * @template C where the desired resources come from
 */
export interface ResourceHandler<D, O, R, W, C = EnsureConfig | CheckConfig> {
  readonly resource: ResourceType;
  /** The desired resources of this type. */
  desired(source: C): readonly D[];
  nameOf(desired: D): string;
  /** Reads the actual state of each desired resource, in the same order. Never writes. */
  observe(reader: R, desired: readonly D[]): Promise<readonly Observed<O>[]>;
  /** Compares one resource; pure. Returns prerequisites first. Not called for unknown resources. */
  diff(desired: D, observed: Observed<O>): readonly Diff[];
  /** Applies one allowed change. `finding` is the one that the change resolves. */
  apply(
    writer: W,
    change: Change,
    desired: D,
    finding: Finding | undefined,
    observed: Observed<O>,
  ): Promise<ApplyResult>;
  /** For a type of resource of which one request can apply several changes. */
  readonly combined?: CombinedChanges<D, W>;
}

export interface CombinedChanges<D, W> {
  /** Allowed changes of one resource with the same name are applied together; undefined: the change is applied alone. */
  requestOf(finding: Finding): string | undefined;
  /** Applies the changes that resolve these findings of one resource. */
  apply(writer: W, desired: D, findings: readonly Finding[]): Promise<ApplyResult>;
}

/** `adopted`: another run has applied the change in the meantime, so it does not count as a change of this run. */
export type ApplyResult = 'applied' | 'created' | 'adopted';

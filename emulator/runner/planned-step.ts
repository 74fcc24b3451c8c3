import type { Expressions } from './expressions.ts';
import type { JobState } from './job-state.ts';
import type { Step } from './workflow.ts';

/** What a step finds while it executes. */
export interface Frame {
  readonly job: JobState;
  readonly expressions: Expressions;
  /** The `env` context: what `env:` and GITHUB_ENV say, the step's own winning. */
  readonly env: Readonly<Record<string, string>>;
  /** The whole environment of the step's process, but for what belongs to one kind of step. */
  readonly variables: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  readonly cancellation: AbortSignal;
}

/** A step that stands in a job's list: one that the workflow names, or the post step that an action registered. */
export interface PlannedStep {
  readonly step: Step;
  readonly stage: 'main' | 'post';
  readonly title: (expressions: Expressions) => string;
  readonly condition: string;
  /** The action's state, written in `main` and read in `post`. */
  readonly state: Map<string, string>;
  /** Returns whether it succeeded. A thrown {@link StepFault} fails it with a message. */
  readonly execute: (frame: Frame) => Promise<boolean>;
}

/** A step that cannot be run as written; the message says why and what to do. */
export class StepFault extends Error {
  override readonly name = 'StepFault';
}

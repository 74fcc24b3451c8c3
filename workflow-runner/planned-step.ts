import type { ExpressionEvaluator } from './expressions.ts';
import type { JobState } from './job-state.ts';
import type { WorkflowStep } from './workflow.ts';

/** What a step finds while it executes. */
export interface StepContext {
  readonly job: JobState;
  readonly evaluator: ExpressionEvaluator;
  /** The `env` context: what `env:` and GITHUB_ENV say, the step's own winning. */
  readonly env: Readonly<Record<string, string>>;
  /** The whole environment of the step's process, but for what belongs to one kind of step. */
  readonly variables: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  readonly cancellation: AbortSignal;
}

/** A step that stands in a job's list: one that the workflow names, or the post step that an action registered. */
export interface PlannedStep {
  readonly step: WorkflowStep;
  readonly stage: 'main' | 'post';
  readonly title: (expressions: ExpressionEvaluator) => string;
  readonly condition: string;
  /** The action's state, written in `main` and read in `post`. */
  readonly state: Map<string, string>;
  /** Returns whether it succeeded. A thrown {@link StepError} fails it with a message. */
  readonly execute: (context: StepContext) => Promise<boolean>;
}

/** A step that cannot be run as written; the message says why and what to do. */
export class StepError extends Error {
  override readonly name = 'StepError';
}

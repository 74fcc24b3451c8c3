import type { ActionsRuntime } from '../github/actions.ts';

/** Every output of the action, as action.yml declares them. */
export const OUTPUT_NAMES = [
  'db-host',
  'db-port',
  'db-name',
  'db-user',
  'db-password',
  'db-sslmode',
  'database-url',
  'server-id',
  'server-created',
  'database-created',
  'changes',
  'drifted',
  'drift',
  'dropped',
] as const;

export type OutputName = (typeof OUTPUT_NAMES)[number];

export type OutputValues = Partial<Readonly<Record<OutputName, string>>>;

/** Sets outputs of the step. Every output of the action is set here; secrets must be masked before. */
export function setOutputs(runtime: ActionsRuntime, values: OutputValues): void {
  for (const name of OUTPUT_NAMES) {
    const value = values[name];
    if (value !== undefined) runtime.setOutput(name, value);
  }
}

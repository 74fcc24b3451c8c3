import type { FoundServer } from '../azure/reader.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import {
  type Change,
  type Dropped,
  type Finding,
  isDrift,
  type ReportedFinding,
  type ResourceType,
} from '../reconcile/findings.ts';
import { type Connection, databaseUrl } from './connection-formats.ts';

/** What a run has found and changed. */
export interface RunOutcome {
  /** Undefined if the server does not exist or could not be read. */
  readonly server: FoundServer['server'] | undefined;
  readonly changes: readonly Change[];
  readonly remaining: readonly ReportedFinding[];
  readonly dropped: readonly Dropped[];
}

type Outputs<T> = Readonly<Record<string, (source: T) => string>>;

const hasCreated = ({ changes }: RunOutcome, resource: ResourceType): boolean =>
  changes.some((change) => change.resource === resource && change.action === 'create');

/** The outputs of every mode, which every end of a run sets. */
const RUN_OUTPUTS: Outputs<RunOutcome> = {
  'server-id': ({ server }) => server?.id ?? '',
  'server-created': (run) => String(hasCreated(run, 'server')),
  'database-created': (run) => String(hasCreated(run, 'database')),
  changes: ({ changes }) => JSON.stringify(changes),
  drifted: ({ remaining }) => String(remaining.some(isDrift)),
  drift: ({ remaining }) => JSON.stringify(remaining.map(({ remedy: _, ...finding }): Finding => finding)),
  dropped: ({ dropped }) => JSON.stringify(dropped),
};

/** The outputs of `mode: ensure` alone, which a run sets once it has a connection. */
const CONNECTION_OUTPUTS: Outputs<Connection> = {
  'db-host': ({ host }) => host,
  'db-port': ({ port }) => String(port),
  'db-name': ({ database }) => database,
  'db-user': ({ user }) => user,
  'db-password': ({ password }) => password,
  'db-sslmode': ({ sslMode }) => sslMode,
  'database-url': databaseUrl,
};

export const RUN_OUTPUT_NAMES = Object.keys(RUN_OUTPUTS);
export const CONNECTION_OUTPUT_NAMES = Object.keys(CONNECTION_OUTPUTS);

/** Every output of the action, as action.yml declares them. */
export const OUTPUT_NAMES = [...CONNECTION_OUTPUT_NAMES, ...RUN_OUTPUT_NAMES];

/**
 * Sets the outputs of a run that has done nothing yet. Called before anything else: a run that is skipped, fails at its
 * inputs or is killed sets no others, and the last value of an output counts.
 */
export const setInitialOutputs = (runtime: ActionsRuntime): void =>
  setRunOutputs(runtime, { server: undefined, changes: [], remaining: [], dropped: [] });

export const setRunOutputs = (runtime: ActionsRuntime, run: RunOutcome): void =>
  setOutputs(runtime, RUN_OUTPUTS, run);

/** @param connection its secrets are masked already */
export const setConnectionOutputs = (runtime: ActionsRuntime, connection: Connection): void =>
  setOutputs(runtime, CONNECTION_OUTPUTS, connection);

function setOutputs<T>(runtime: ActionsRuntime, outputs: Outputs<T>, source: T): void {
  for (const [name, toValue] of Object.entries(outputs)) runtime.setOutput(name, toValue(source));
}

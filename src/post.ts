import { OperationFailedError } from './azure/azure-errors.ts';
import { resolveEndpoints } from './azure/clouds.ts';
import { type AzureConnection, connectToAzure } from './azure/connection.ts';
import { createOperationPoll, type Operation, trackOperation } from './azure/operations.ts';
import { AzureReader } from './azure/reader.ts';
import { AzureWriter } from './azure/writer.ts';
import { AZURE_SERVICES_RANGE, isSameRange, rangeContains } from './common/addresses.ts';
import { ActionError, actionError, getErrorMessage, getErrorSummary } from './common/errors.ts';
import { restoreNetworkSettings } from './common/network.ts';
import { formatDuration, type RunContext, waitFor, withAbortGrace, withTimeout } from './common/polling.ts';
import { isTemporaryRuleOfRun } from './common/resource-names.ts';
import type { ActionsRuntime } from './github/actions.ts';
import { ActionState, type SignInState, type TemporaryRuleState } from './github/state.ts';
import { cleanUpMigration } from './migration/clean-up-migration.ts';
import { killTagged } from './migration/process-tree.ts';
import { withRunContext } from './modes/run-context.ts';
import { login } from './postgres/login.ts';
import { removeEnvFile } from './publish/publish.ts';
import { toAddressRange } from './resources/firewall-rule/firewall-rule-handler.ts';

/** Milliseconds for the whole post part. */
const POST_TIMEOUT_MS = 8 * 60_000;
/** Milliseconds for a killed migration's sessions to be found and ended. */
const MIGRATION_TIMEOUT_MS = 60_000;
/** Milliseconds that an accepted creation may still be running. */
const CREATION_TIMEOUT_MS = 180_000;
/** Milliseconds for a creation to show whose answer main did not see: Azure asks to look again after 60 s. */
const VISIBILITY_TIMEOUT_MS = 90_000;
/** Milliseconds that the removal has to come to its end once the time of post is over; less than the run itself has. */
const REMOVAL_GRACE_MS = 4000;
/** Milliseconds for a removed rule to stop working; Azure may take five minutes, but no job should wait for that. */
const REVOKE_TIMEOUT_MS = 60_000;

/** Connections in a row that are blocked, before access counts as revoked. */
const BLOCKED_ATTEMPTS = 2;

/**
 * The post part: undoes what main wrote into the state, and derives nothing a second time.
 * @throws `rule-not-removed`, `state-invalid`, and what kept the dotenv file from being removed
 */
export async function runPost(runtime: ActionsRuntime): Promise<void> {
  const state = new ActionState(runtime);
  let connection: AzureConnection | undefined;
  const connectOnce: ConnectOnce = (run, signedIn) => {
    connection ??= connectAsMain(run, runtime, signedIn);
    return connection;
  };
  // What is on this machine comes first, since it waits for nobody; the rule last, which a login for the rest may need.
  const cleanupTasks = [
    async () => await removeEnvFile(state.readEnvFile()),
    async (run: RunContext) => await endInterruptedMigration(run, runtime, state, connectOnce),
    async (run: RunContext) => await removeTemporaryRule(run, runtime, state, connectOnce),
  ];
  await withRunContext(runtime, POST_TIMEOUT_MS, 'Remove the rule manually.', async (run) => {
    const failures: unknown[] = [];
    for (const cleanupTask of cleanupTasks)
      await cleanupTask(run).catch((error: unknown) => failures.push(error));
    const [first, ...others] = failures;
    for (const other of others) run.warning(getErrorMessage(other));
    if (first !== undefined) throw first;
  });
}

type ConnectOnce = (run: RunContext, signedIn: SignInState) => AzureConnection;

/** Ends a migration that main could not end since it was killed; where that is not possible, the rule is removed all the same. */
async function endInterruptedMigration(
  run: RunContext,
  runtime: ActionsRuntime,
  state: ActionState,
  connectOnce: ConnectOnce,
): Promise<void> {
  const entry = state.readMigration();
  const signInState = state.readSignIn();
  if (entry === undefined || entry.ended || signInState === undefined) return;
  const timeoutError = (): Error => new Error(`no answer within ${formatDuration(MIGRATION_TIMEOUT_MS)}`);
  const cleanUp = async (): Promise<void> => {
    await killTagged(entry.tag);
    const { server: name, resourceGroup } = entry;
    const reader = new AzureReader(connectOnce(run, signInState).clients, run, { name, resourceGroup });
    await withTimeout(MIGRATION_TIMEOUT_MS, timeoutError, cleanUpMigration(run, runtime, reader, entry));
  };
  await withAbortGrace(run.signal, 0, cleanUp()).catch((error: unknown) => {
    run.warning(
      `The sessions of the migration in the server could not be ended: ${getErrorSummary(error)}\nWhat to do: look for them in pg_stat_activity (role '${entry.user}', database '${entry.database}', since ${entry.since}) before the next migration, and end them: SELECT pg_terminate_backend(PID);`,
    );
  });
}

async function removeTemporaryRule(
  run: RunContext,
  runtime: ActionsRuntime,
  state: ActionState,
  connectOnce: ConnectOnce,
): Promise<void> {
  const entry = state.readTemporaryRule();
  const signInState = state.readSignIn();
  if (entry === undefined) {
    run.info('No temporary firewall rule to remove.');
    return;
  }
  if (signInState === undefined) throw actionError('state-invalid', { key: 'sign-in', reason: 'is missing' });
  if (!isTemporaryRuleOfRun(runtime.runIdentity, entry.rule))
    throw actionError('state-invalid', { key: 'rule', reason: 'names a firewall rule of another run' });
  const { server: name, resourceGroup } = entry;
  const connection = connectOnce(run, signInState);
  const reader = new AzureReader(connection.clients, run, { name, resourceGroup });
  const removal = deleteRuleAndWatch(run, connection, reader, entry);
  const outcome = await withAbortGrace(run.signal, REMOVAL_GRACE_MS, removal).catch((error: unknown) => {
    throw ruleNotRemovedError(entry, getErrorSummary(error), error);
  });
  run.info(REMOVAL_MESSAGES[outcome](entry.rule));
  if (outcome !== 'removed') return;
  // The rule is gone: that this could not be tested in time is no failure.
  const accessStatus = await verifyAccessRevoked(run, runtime, reader, entry).catch(() => 'not yet' as const);
  run.info(ACCESS_MESSAGES[accessStatus]);
}

const REMOVAL_MESSAGES: Readonly<Record<RemovalOutcome, (rule: string) => string>> = {
  removed: (rule) => `Removed the temporary firewall rule '${rule}'.`,
  absent: (rule) => `The temporary firewall rule '${rule}' is gone: Azure does not show it.`,
  'never made': (rule) => `There is no temporary firewall rule '${rule}' to remove: Azure did not make it.`,
};

/** Clients that sign in as main did, with the proxy and the root certificates of main. */
function connectAsMain(
  run: RunContext,
  runtime: ActionsRuntime,
  { way, cloud, signIn, network }: SignInState,
): AzureConnection {
  const changed = restoreNetworkSettings(network, process.env);
  if (changed.length > 0)
    run.warning(
      `A later step has changed ${changed.join(', ')}. Post does not use this, so that no proxy or root certificate of that step can be used to read its tokens.`,
    );
  const endpoints = resolveEndpoints(cloud, process.env);
  // No secret is in the state, so it is read from the step's inputs again; only where main used one.
  const clientSecret =
    way === 'client-secret'
      ? runtime.rawInput('client-secret') || process.env['AZURE_CLIENT_SECRET'] || ''
      : undefined;
  if (clientSecret !== undefined) runtime.mask(clientSecret);
  return connectToAzure(runtime, way, { ...signIn, clientSecret }, endpoints);
}

/** What became of the rule. */
type RemovalOutcome = 'removed' | 'absent' | 'never made';

/**
 * Deletes the rule as soon as it shows or its creation has ended, and watches where there was nothing to delete: an accepted
 * request may take effect after that.
 */
async function deleteRuleAndWatch(
  run: RunContext,
  { clients }: AzureConnection,
  reader: AzureReader,
  { rule, operationUrl, refused }: TemporaryRuleState,
): Promise<RemovalOutcome> {
  const writer = new AzureWriter(clients, run, reader, true);
  let observedRule = await reader.getFirewallRule(rule);
  const pollVisible = async (): Promise<true | undefined> => {
    observedRule = await reader.getFirewallRule(rule);
    return observedRule.status === 'present' || undefined;
  };
  if (refused && observedRule.status === 'absent') return 'never made';
  const operation =
    operationUrl === undefined ? undefined : trackOperation(clients, run, { url: operationUrl });
  const creationResult =
    operation && (await waitForCreationEnd(run, operation, pollVisible, CREATION_TIMEOUT_MS));
  const isDeleted = await writer.deleteFirewallRule(rule);
  // Deleted while its creation was going on, which may bring it back.
  if (operation !== undefined && creationResult === 'shown') {
    await waitForCreationEnd(run, operation, async () => undefined, VISIBILITY_TIMEOUT_MS);
    if (await pollVisible()) await writer.deleteFirewallRule(rule);
  }
  if (isDeleted) return 'removed';
  if (creationResult === 'failed') return 'never made';
  // With its server the rule is gone too, and will not come back.
  if ((await reader.refreshServer()).status === 'absent') return 'absent';
  run.info(`Azure shows no firewall rule '${rule}', but may have accepted it; watching whether it appears.`);
  const waitOptions = { timeoutMs: VISIBILITY_TIMEOUT_MS };
  const appeared = await waitFor(
    run,
    `whether firewall rule '${rule}' appears`,
    pollVisible,
    waitOptions,
  ).catch(ignoreTimeout(run));
  if (!appeared && observedRule.status === 'unknown') throw observedRule.error;
  if (!appeared) return 'absent';
  await writer.deleteFirewallRule(rule);
  return 'removed';
}

/**
 * How the creation ended, or that the rule shows before it has; `unknown` where that cannot be read in time, since the
 * deletion decides.
 */
async function waitForCreationEnd(
  run: RunContext,
  operation: Operation,
  pollVisible: () => Promise<true | undefined>,
  timeoutMs: number,
): Promise<'ended' | 'failed' | 'shown' | 'unknown'> {
  const poll = createOperationPoll(operation, async (progress) => {
    if (progress !== 'running') return progress === 'succeeded' ? 'ended' : 'unknown';
    return (await pollVisible()) && 'shown';
  });
  try {
    const waitOptions = { timeoutMs: timeoutMs };
    const end = await waitFor(run, 'the creation of the firewall rule to end', poll, waitOptions).catch(
      ignoreTimeout(run),
    );
    return end ?? 'unknown';
  } catch (error) {
    if (error instanceof OperationFailedError) return 'failed';
    throw error;
  }
}

const ACCESS_MESSAGES = {
  revoked: 'Access revoked: the firewall blocks this runner.',
  'other rule':
    'Whether access is revoked was not tested: another firewall rule admits this runner, or any Azure service.',
  'not yet': 'The rule may admit this runner for some minutes more, until Azure has taken it out of effect.',
} as const;

/**
 * Whether the firewall blocks this runner, proven by a connection that is blocked: ARM shows a rule as gone before it stops
 * working. No password is sent for it, and the host is the one that ARM names.
 */
async function verifyAccessRevoked(
  run: RunContext,
  runtime: ActionsRuntime,
  reader: AzureReader,
  { address }: TemporaryRuleState,
): Promise<keyof typeof ACCESS_MESSAGES> {
  const [server, rules] = await Promise.all([
    reader.refreshServer(),
    reader.listFirewallRules().catch(() => undefined),
  ]);
  const host = server.status === 'present' ? server.value.server.fullyQualifiedDomainName : undefined;
  if (rules === undefined || !host) return 'not yet';
  const ranges = rules.map(toAddressRange);
  if (ranges.some((range) => rangeContains(range, address) || isSameRange(range, AZURE_SERVICES_RANGE)))
    return 'other rule';
  const { applicationName } = runtime;
  const target = {
    host,
    port: 5432,
    database: 'postgres',
    user: 'postgres',
    password: undefined,
    applicationName,
  };
  let blockedCount = 0;
  const poll = async (): Promise<'revoked' | undefined> => {
    const result = await login(target, 1500, run.signal).result;
    if ('session' in result) await result.session.close();
    blockedCount = 'failure' in result && result.failure.kind === 'blocked' ? blockedCount + 1 : 0;
    // One may have been a slow moment of the server or of the network.
    return blockedCount >= BLOCKED_ATTEMPTS ? 'revoked' : undefined;
  };
  const waitOptions = { initialIntervalMs: 200, maxIntervalMs: 1000, timeoutMs: REVOKE_TIMEOUT_MS };
  return (
    (await waitFor(run, 'the firewall to block this runner', poll, waitOptions).catch(ignoreTimeout(run))) ??
    'not yet'
  );
}

/** Takes the time limit of a wait for no result; the end of the whole part is thrown. */
const ignoreTimeout =
  ({ signal }: RunContext) =>
  (error: unknown): undefined => {
    if (signal.aborted || !(error instanceof ActionError && error.code === 'timed-out')) throw error;
  };

function ruleNotRemovedError(
  { rule, server, resourceGroup }: TemporaryRuleState,
  reason: string,
  cause?: unknown,
): Error {
  const { azure } = cause instanceof ActionError ? cause : {};
  return actionError(
    'rule-not-removed',
    { rule, server, group: resourceGroup, reason },
    { cause, ...(azure ? { azure } : {}) },
  );
}

import { OperationFailedError } from './azure/azure-errors.ts';
import type { AzureClients } from './azure/clients.ts';
import { resolveEndpoints } from './azure/clouds.ts';
import { connectToAzure, startSignIn } from './azure/connection.ts';
import { type Operation, trackOperation } from './azure/operations.ts';
import { AzureReader } from './azure/reader.ts';
import { AzureWriter } from './azure/writer.ts';
import { AZURE_SERVICES_RANGE, isSameRange, rangeContains } from './common/addresses.ts';
import { ActionError, actionError, getErrorSummary } from './common/errors.ts';
import { restoreNetworkSettings } from './common/network.ts';
import {
  formatDuration,
  isWaitTimeout,
  type RunContext,
  waitFor,
  withAbortGrace,
  withTimeout,
} from './common/polling.ts';
import { isTemporaryRuleOfRun } from './common/resource-names.ts';
import { waitUntilBlocked } from './connect/blocked-probe.ts';
import type { ActionsRuntime } from './github/actions.ts';
import type { ActionState, TemporaryRuleState } from './github/state.ts';
import { cleanUpMigration } from './migration/clean-up-migration.ts';
import { killTagged } from './migration/process-tree.ts';
import { type LoginAttempt, login } from './postgres/login.ts';
import type { SessionTarget } from './postgres/session.ts';

/** Milliseconds to find and terminate the sessions of a killed migration. */
const MIGRATION_TIMEOUT_MS = 60_000;
/** Milliseconds that an accepted creation may still be running. */
const CREATION_TIMEOUT_MS = 180_000;
/**
 * Milliseconds for the rule to appear if main did not see the response to its request, which names 60 s as Retry-After.
 */
const VISIBILITY_TIMEOUT_MS = 90_000;
/** Milliseconds that the removal gets to finish once post is out of time; less than the run itself gets. */
const REMOVAL_GRACE_MS = 4000;
/** Milliseconds for a removed rule to stop working. Azure may take five minutes, but no job should wait for that. */
const REVOKE_TIMEOUT_MS = 60_000;

/**
 * What post undoes in Azure and PostgreSQL: it ends a migration that was running when main was killed, then removes the
 * temporary firewall rule. The rule is last, because the migration's sessions need it.
 * @returns tasks that throw `rule-not-removed`, `state-invalid`
 */
export function listCleanUpTasks(
  run: RunContext,
  runtime: ActionsRuntime,
  state: ActionState,
): readonly (() => Promise<void>)[] {
  let connection: Promise<AzureClients> | undefined;
  const connect = (): Promise<AzureClients> => {
    connection ??= connectAsMain(run, runtime, state);
    return connection;
  };
  return [
    () => endInterruptedMigration(run, runtime, state, connect),
    () => removeTemporaryRule(run, runtime, state, connect),
  ];
}

/**
 * Connects with main's sign-in, proxy and root certificates.
 * @throws `state-invalid`
 */
async function connectAsMain(
  run: RunContext,
  runtime: ActionsRuntime,
  state: ActionState,
): Promise<AzureClients> {
  const signInState = state.readSignIn();
  if (signInState === undefined) throw actionError('state-invalid', { key: 'sign-in', reason: 'is missing' });
  const { way: authMethod, cloud, signIn, network } = signInState;
  const changed = restoreNetworkSettings(network, process.env);
  if (changed.length > 0)
    run.warning(
      `A later step has changed ${changed.join(', ')}. Post does not use this, so that no proxy or root certificate of that step can be used to read its tokens.`,
    );
  // The state holds no secret, so post reads it from the step's inputs again, if main used one.
  const clientSecret =
    authMethod === 'client-secret'
      ? runtime.rawInput('client-secret') || process.env['AZURE_CLIENT_SECRET'] || ''
      : undefined;
  if (clientSecret !== undefined) runtime.mask(clientSecret);
  const endpoints = resolveEndpoints(cloud, process.env);
  return await connectToAzure(
    await startSignIn(runtime, authMethod, { ...signIn, clientSecret }, endpoints),
    run,
  );
}

/** Ends a migration that was running when main was killed. A failure is a warning, and the rule is still removed. */
async function endInterruptedMigration(
  run: RunContext,
  runtime: ActionsRuntime,
  state: ActionState,
  connect: () => Promise<AzureClients>,
): Promise<void> {
  const migration = state.readMigration();
  const signIn = state.readSignIn();
  if (migration === undefined || migration.ended || signIn === undefined) return;
  const { tag, server: name, resourceGroup, user, database, since, objectOwner } = migration;
  const membership =
    objectOwner === undefined
      ? ''
      : ` The next run revokes the membership of '${user}' in role '${objectOwner}'; with adopt-objects: true it also hands to the role what the migration has created.`;
  const cleanUp = async (): Promise<void> => {
    await killTagged(tag);
    const reader = new AzureReader(await connect(), run, { name, resourceGroup });
    const timeoutError = (): Error => new Error(`no answer within ${formatDuration(MIGRATION_TIMEOUT_MS)}`);
    await withTimeout(MIGRATION_TIMEOUT_MS, timeoutError, cleanUpMigration(run, runtime, reader, migration));
  };
  await withAbortGrace(run.signal, 0, cleanUp()).catch((error: unknown) => {
    run.warning(
      `The sessions of the migration in the server could not be ended: ${getErrorSummary(error)}\nWhat to do: before the next migration, find them in pg_stat_activity (role '${user}', database '${database}', since ${since}), and end each: SELECT pg_terminate_backend(PID);${membership}`,
    );
  });
}

/** @throws `rule-not-removed`, `state-invalid` */
async function removeTemporaryRule(
  run: RunContext,
  runtime: ActionsRuntime,
  state: ActionState,
  connect: () => Promise<AzureClients>,
): Promise<void> {
  const entry = state.readTemporaryRule();
  // Invalid contents are an error even if no rule was created.
  const { subscriptionId = '' } = state.readSignIn()?.signIn ?? {};
  if (entry === undefined) {
    run.info('No temporary firewall rule to remove');
    return;
  }
  if (!isTemporaryRuleOfRun(runtime.runIdentity, entry.rule))
    throw actionError('state-invalid', { key: 'rule', reason: 'names a firewall rule of another run' });
  const clients = await connect();
  const { server: name, resourceGroup } = entry;
  const reader = new AzureReader(clients, run, { name, resourceGroup });
  const writer = new AzureWriter(clients, run, reader, true);
  const removal = deleteRule(clients, writer, entry);
  const outcome = await withAbortGrace(run.signal, REMOVAL_GRACE_MS, removal).catch((error: unknown) => {
    throw ruleNotRemovedError(entry, subscriptionId, error);
  });
  run.info(REMOVAL_MESSAGES[outcome](entry.rule));
  if (outcome !== 'removed') return;
  // The rule is removed, so a test that fails or runs out of time is not a failure.
  const accessStatus = await verifyAccessRevoked(run, runtime, reader, entry).catch(() => 'not yet' as const);
  run.info(ACCESS_MESSAGES[accessStatus]);
}

type RemovalOutcome = 'removed' | 'server deleted' | 'not visible' | 'never created';

const REMOVAL_MESSAGES: Readonly<Record<RemovalOutcome, (rule: string) => string>> = {
  removed: (rule) => `Removed the temporary firewall rule '${rule}'`,
  'server deleted': (rule) =>
    `The temporary firewall rule '${rule}' does not exist: its server has been deleted.`,
  'not visible': (rule) =>
    `Azure does not show the temporary firewall rule '${rule}', and has not created it within ${formatDuration(VISIBILITY_TIMEOUT_MS)}. If it appears later, mode: sweep removes it.`,
  'never created': (rule) =>
    `Temporary firewall rule '${rule}' does not need to be removed: Azure did not create it.`,
};

/**
 * Deletes the rule as soon as Azure shows it or its creation has ended. If there was nothing to delete, it watches
 * whether the rule appears, because an accepted request may take effect later.
 */
async function deleteRule(
  clients: AzureClients,
  writer: AzureWriter,
  { rule, operationUrl, refused }: TemporaryRuleState,
): Promise<RemovalOutcome> {
  const { run, reader } = writer;
  if (refused && (await reader.getFirewallRule(rule)).status === 'absent') return 'never created';

  const creation =
    operationUrl === undefined ? undefined : trackOperation(clients, run, { url: operationUrl });
  const creationResult = creation && (await waitForCreationOrRule(run, creation, reader, rule));
  const isDeleted = await writer.deleteFirewallRule(rule);
  if (creation !== undefined && creationResult === 'visible') {
    // A creation that is still running may create the rule again.
    await waitForEnd(run, creation);
    if ((await reader.getFirewallRule(rule)).status === 'present') await writer.deleteFirewallRule(rule);
  }
  if (isDeleted) return 'removed';
  if (creationResult === 'failed') return 'never created';
  // A server that is deleted takes its rules with it.
  if ((await reader.refreshServer()).status === 'absent') return 'server deleted';

  run.info(`Azure shows no firewall rule '${rule}', but may have accepted it; watching whether it appears.`);
  await waitFor(
    run,
    `whether firewall rule '${rule}' appears`,
    async () => (await reader.getFirewallRule(rule)).status === 'present' || undefined,
    { timeoutMs: VISIBILITY_TIMEOUT_MS },
  ).catch(ignoreTimeout(run));
  const observed = await reader.getFirewallRule(rule);
  if (observed.status === 'unknown') throw observed.error;
  if (observed.status === 'absent') return 'not visible';
  await writer.deleteFirewallRule(rule);
  return 'removed';
}

/** Waits until the creation has ended, or Azure shows the rule. `unknown` if neither can be read in time. */
async function waitForCreationOrRule(
  run: RunContext,
  creation: Operation,
  reader: AzureReader,
  rule: string,
): Promise<'ended' | 'failed' | 'visible' | 'unknown'> {
  try {
    const result = await waitFor(
      run,
      CREATION_END,
      async (setReason) => {
        const progress = await creation.check(setReason);
        if (progress === 'succeeded') return 'ended';
        // Then the result of the deletion counts.
        if (progress === 'unreadable') return 'unknown';
        return (await reader.getFirewallRule(rule)).status === 'present' ? 'visible' : undefined;
      },
      { timeoutMs: CREATION_TIMEOUT_MS },
    ).catch(ignoreTimeout(run));
    return result ?? 'unknown';
  } catch (error) {
    if (error instanceof OperationFailedError) return 'failed';
    throw error;
  }
}

const CREATION_END = 'the creation of the firewall rule to end';

/** Waits until the creation has ended in any way, is unreadable or takes too long. */
async function waitForEnd(run: RunContext, creation: Operation): Promise<void> {
  await waitFor(
    run,
    CREATION_END,
    async (setReason) => (await creation.check(setReason)) !== 'running' || undefined,
    { timeoutMs: VISIBILITY_TIMEOUT_MS },
  ).catch((error: unknown) => {
    if (!(error instanceof OperationFailedError)) ignoreTimeout(run)(error);
  });
}

const ACCESS_MESSAGES = {
  revoked: 'Access revoked: the firewall blocks this runner',
  'other rule':
    'Whether access is revoked was not tested: another firewall rule admits this runner, or any Azure service.',
  'not yet': 'The rule may admit this runner for some minutes more, until the removal takes effect in Azure.',
} as const;

/**
 * Whether the firewall blocks this runner. Only a blocked connection proves that, because ARM no longer shows a removed
 * rule although it still works. The connection sends no password, and goes to the host that ARM names.
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
  if (rules.some((rule) => rangeContains(rule, address) || isSameRange(rule, AZURE_SERVICES_RANGE)))
    return 'other rule';
  const { applicationName } = runtime;
  const target: SessionTarget = {
    host,
    port: 5432,
    database: 'postgres',
    user: 'postgres',
    password: undefined,
    applicationName,
  };
  const tryLogin = (timeoutMs: number): LoginAttempt => login(target, timeoutMs, run.signal);
  const isBlocked = await waitUntilBlocked(run, tryLogin, REVOKE_TIMEOUT_MS).then(
    () => true,
    ignoreTimeout(run),
  );
  return isBlocked ? 'revoked' : 'not yet';
}

/** Turns the timeout of a wait into undefined, and rethrows the end of the run and every other error. */
const ignoreTimeout =
  (run: RunContext) =>
  (error: unknown): undefined => {
    if (!isWaitTimeout(run, error)) throw error;
  };

function ruleNotRemovedError(
  { rule, server, resourceGroup }: TemporaryRuleState,
  subscriptionId: string,
  cause: unknown,
): Error {
  const ruleId = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${server}/firewallRules/${rule}`;
  const { code, azure, hint = '' } = cause instanceof ActionError ? cause : {};
  const isBlocked =
    code === 'server-not-usable' || ['ScopeLocked', 'ServerStoppedError'].includes(azure?.code ?? '');
  const lacksRights = code === 'sign-in-failed' || [401, 403].includes(azure?.status ?? 0);
  return actionError(
    'rule-not-removed',
    {
      rule,
      ruleId,
      reason: getErrorSummary(cause),
      ...(isBlocked ? { before: hint } : lacksRights ? { prevention: hint } : {}),
    },
    { cause, ...(azure ? { azure } : {}) },
  );
}

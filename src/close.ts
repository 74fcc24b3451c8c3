import { endpointsOf } from './azure/clouds.ts';
import { OperationFailed } from './azure/failures.ts';
import { type Operation, operationAt, race } from './azure/operations.ts';
import { AzureReader } from './azure/reader.ts';
import { AzureWriter } from './azure/writer.ts';
import { closeMigration } from './close-migration.ts';
import { azureServices, covers, sameRange } from './config/addresses.ts';
import { isTemporaryRuleOf } from './config/names.ts';
import { administratorIn, type Connected, connect, withRun } from './context.ts';
import { ActionError, fail, happenedIn, messageOf } from './errors.ts';
import { Journal, type RuleEntry, type SignInEntry } from './github/journal.ts';
import type { Workflow } from './github/workflow.ts';
import { restoreNetwork } from './network.ts';
import { login } from './postgres/login.ts';
import { endTagged } from './process-tree.ts';
import { removeEnvFile } from './publish.ts';
import { rangeOf } from './resources/firewall-rule.ts';
import { duration, type Run, untilAborted, waitFor, within } from './waiting.ts';

/** Milliseconds for the whole post part. */
const POST_TIMEOUT_MS = 8 * 60_000;
/** Milliseconds for a killed migration's sessions to be found and ended. */
const MIGRATION_TIMEOUT_MS = 60_000;
/** Milliseconds that an accepted creation may still be running. */
const CREATION_TIMEOUT_MS = 180_000;
/** Milliseconds for a creation to show whose answer main did not see: Azure asks to look again after 60 s. */
const VISIBILITY_TIMEOUT_MS = 90_000;
/** Milliseconds that the removal has to come to its end once the time of post is over; less than the run itself has. */
const GRACE_MS = 4000;
/** Milliseconds for a removed rule to stop working; Azure may take five minutes, but no job should wait for that. */
const REVOKE_TIMEOUT_MS = 60_000;

/** Connections in a row that are blocked, before access counts as revoked. */
const BLOCKED_ATTEMPTS = 2;

/**
 * The post part: undoes what main wrote into the state, and derives nothing a second time.
 * @throws `rule-not-removed`, `state-invalid`, and what kept the dotenv file from being removed
 */
export async function close(workflow: Workflow): Promise<void> {
  const journal = new Journal(workflow);
  let connected: Connected | undefined;
  const connectOnce: ConnectOnce = (run, signedIn) => {
    connected ??= connectAsMain(run, workflow, signedIn);
    return connected;
  };
  // What is on this machine comes first, since it waits for nobody; the rule last, which a login for the rest may need.
  const parts = [
    async () => await removeEnvFile(journal.envFile()),
    async (run: Run) => await endMigration(run, workflow, journal, connectOnce),
    async (run: Run) => await removeTemporaryRule(run, workflow, journal, connectOnce),
  ];
  await withRun(workflow, POST_TIMEOUT_MS, 'Remove the rule manually.', async (run) => {
    const failures: unknown[] = [];
    for (const part of parts) await part(run).catch((error: unknown) => failures.push(error));
    const [first, ...others] = failures;
    for (const other of others) run.warning(messageOf(other));
    if (first !== undefined) throw first;
  });
}

type ConnectOnce = (run: Run, signedIn: SignInEntry) => Connected;

/** Ends a migration that main could not end since it was killed; where that is not possible, the rule is removed all the same. */
async function endMigration(
  run: Run,
  workflow: Workflow,
  journal: Journal,
  connectOnce: ConnectOnce,
): Promise<void> {
  const entry = journal.migration();
  const signedIn = journal.signIn();
  if (entry === undefined || entry.ended || signedIn === undefined) return;
  const silent = (): Error => new Error(`no answer within ${duration(MIGRATION_TIMEOUT_MS)}`);
  const ending = async (): Promise<void> => {
    await endTagged(entry.tag);
    const { server: name, resourceGroup } = entry;
    const reader = new AzureReader(connectOnce(run, signedIn).clients, run, { name, resourceGroup });
    await within(MIGRATION_TIMEOUT_MS, silent, closeMigration(run, workflow, reader, entry));
  };
  await untilAborted(run.signal, 0, ending()).catch((error: unknown) => {
    run.warning(
      `The sessions of the migration in the server could not be ended: ${happenedIn(error)}\nWhat to do: look for them in pg_stat_activity (role '${entry.user}', database '${entry.database}', since ${entry.since}) before the next migration, and end them: SELECT pg_terminate_backend(PID);`,
    );
  });
}

async function removeTemporaryRule(
  run: Run,
  workflow: Workflow,
  journal: Journal,
  connectOnce: ConnectOnce,
): Promise<void> {
  const entry = journal.rule();
  const signedIn = journal.signIn();
  if (entry === undefined) {
    run.info('No temporary firewall rule to remove.');
    return;
  }
  if (signedIn === undefined) throw fail('state-invalid', { key: 'sign-in', reason: 'is missing' });
  if (!isTemporaryRuleOf(workflow.identity, entry.rule))
    throw fail('state-invalid', { key: 'rule', reason: 'names a firewall rule of another run' });
  const { server: name, resourceGroup } = entry;
  const connected = connectOnce(run, signedIn);
  const reader = new AzureReader(connected.clients, run, { name, resourceGroup });
  const removing = removeRule(run, connected, reader, entry);
  const outcome = await untilAborted(run.signal, GRACE_MS, removing).catch((error: unknown) => {
    throw notRemoved(entry, happenedIn(error), error);
  });
  run.info(outcomes[outcome](entry.rule));
  if (outcome !== 'removed') return;
  // The rule is gone: that this could not be tested in time is no failure.
  const tested = await accessAfter(run, workflow, reader, entry).catch(() => 'not yet' as const);
  run.info(access[tested]);
}

const outcomes: Readonly<Record<Outcome, (rule: string) => string>> = {
  removed: (rule) => `Removed the temporary firewall rule '${rule}'.`,
  absent: (rule) => `The temporary firewall rule '${rule}' is gone: Azure does not show it.`,
  'never made': (rule) => `There is no temporary firewall rule '${rule}' to remove: Azure did not make it.`,
};

/** Clients that sign in as main did, with the proxy and the root certificates of main. */
function connectAsMain(
  run: Run,
  workflow: Workflow,
  { way, cloud, signIn, network }: SignInEntry,
): Connected {
  const changed = restoreNetwork(network, process.env);
  if (changed.length > 0)
    run.warning(
      `A later step has changed ${changed.join(', ')}. Post does not use this, so that no proxy or root certificate of that step can be used to read its tokens.`,
    );
  const endpoints = endpointsOf(cloud, process.env);
  // No secret is in the state, so it is read from the step's inputs again; only where main used one.
  const clientSecret =
    way === 'client-secret'
      ? workflow.rawInput('client-secret') || process.env['AZURE_CLIENT_SECRET'] || ''
      : undefined;
  if (clientSecret !== undefined) workflow.mask(clientSecret);
  return connect(workflow, way, { ...signIn, clientSecret }, endpoints);
}

/** What became of the rule. */
type Outcome = 'removed' | 'absent' | 'never made';

/**
 * Deletes the rule as soon as it shows or its creation has ended, and watches where there was nothing to delete: an accepted
 * request may take effect after that.
 */
async function removeRule(
  run: Run,
  { clients }: Connected,
  reader: AzureReader,
  { rule, operationUrl, refused }: RuleEntry,
): Promise<Outcome> {
  const writer = new AzureWriter(clients, run, reader, true);
  let seen = await reader.firewallRule(rule);
  const shows = async (): Promise<true | undefined> => {
    seen = await reader.firewallRule(rule);
    return seen.status === 'present' || undefined;
  };
  if (refused && seen.status === 'absent') return 'never made';
  const operation = operationUrl === undefined ? undefined : operationAt(clients, run, { url: operationUrl });
  const creation = operation && (await creationEnd(run, operation, shows, CREATION_TIMEOUT_MS));
  const isDeleted = await writer.deleteFirewallRule(rule);
  // Deleted while its creation was going on, which may bring it back.
  if (operation !== undefined && creation === 'shown') {
    await creationEnd(run, operation, async () => undefined, VISIBILITY_TIMEOUT_MS);
    if (await shows()) await writer.deleteFirewallRule(rule);
  }
  if (isDeleted) return 'removed';
  if (creation === 'failed') return 'never made';
  // With its server the rule is gone too, and will not come back.
  if ((await reader.lookAgain()).status === 'absent') return 'absent';
  run.info(`Azure shows no firewall rule '${rule}', but may have accepted it; watching whether it appears.`);
  const waiting = { atMost: VISIBILITY_TIMEOUT_MS };
  const late = await waitFor(run, `whether firewall rule '${rule}' appears`, shows, waiting).catch(
    timedOut(run),
  );
  if (!late && seen.status === 'unknown') throw seen.error;
  if (!late) return 'absent';
  await writer.deleteFirewallRule(rule);
  return 'removed';
}

/**
 * How the creation ended, or that the rule shows before it has; `unknown` where that cannot be read in time, since the
 * deletion decides.
 */
async function creationEnd(
  run: Run,
  operation: Operation,
  shows: () => Promise<true | undefined>,
  timeout: number,
): Promise<'ended' | 'failed' | 'shown' | 'unknown'> {
  const look = race(operation, async (progress) => {
    if (progress !== 'running') return progress === 'succeeded' ? 'ended' : 'unknown';
    return (await shows()) && 'shown';
  });
  try {
    const waiting = { atMost: timeout };
    const end = await waitFor(run, 'the creation of the firewall rule to end', look, waiting).catch(
      timedOut(run),
    );
    return end ?? 'unknown';
  } catch (error) {
    if (error instanceof OperationFailed) return 'failed';
    throw error;
  }
}

const access = {
  revoked: 'Access revoked: the firewall blocks this runner.',
  'other rule':
    'Whether access is revoked was not tested: another firewall rule admits this runner, or any Azure service.',
  'not yet': 'The rule may admit this runner for some minutes more, until Azure has taken it out of effect.',
} as const;

/**
 * Whether the firewall blocks this runner, proven by a connection that is blocked: ARM shows a rule as gone before it stops
 * working. No password is sent for it, and the host is the one that ARM names.
 */
async function accessAfter(
  run: Run,
  workflow: Workflow,
  reader: AzureReader,
  { address }: RuleEntry,
): Promise<keyof typeof access> {
  const [server, rules] = await Promise.all([
    reader.lookAgain(),
    reader.firewallRules().catch(() => undefined),
  ]);
  const host = server.status === 'present' ? server.value.server.fullyQualifiedDomainName : undefined;
  if (rules === undefined || !host) return 'not yet';
  const ranges = rules.map(rangeOf);
  if (ranges.some((range) => covers(range, address) || sameRange(range, azureServices))) return 'other rule';
  const target = { ...administratorIn(workflow, host, undefined), user: 'postgres', password: undefined };
  let blocked = 0;
  const look = async (): Promise<'revoked' | undefined> => {
    const result = await login(target, 1500, run.signal).result;
    if ('session' in result) await result.session.close();
    blocked = 'failure' in result && result.failure.kind === 'blocked' ? blocked + 1 : 0;
    // One may have been a slow moment of the server or of the network.
    return blocked >= BLOCKED_ATTEMPTS ? 'revoked' : undefined;
  };
  const waiting = { pause: 200, longestPause: 1000, atMost: REVOKE_TIMEOUT_MS };
  return (
    (await waitFor(run, 'the firewall to block this runner', look, waiting).catch(timedOut(run))) ?? 'not yet'
  );
}

/** Takes the time limit of a wait for no result; the end of the whole part is thrown. */
const timedOut =
  ({ signal }: Run) =>
  (error: unknown): undefined => {
    if (signal.aborted || !(error instanceof ActionError && error.code === 'timed-out')) throw error;
  };

function notRemoved({ rule, server, resourceGroup }: RuleEntry, reason: string, cause?: unknown): Error {
  const { azure } = cause instanceof ActionError ? cause : {};
  return fail(
    'rule-not-removed',
    { rule, server, group: resourceGroup, reason },
    { cause, ...(azure ? { azure } : {}) },
  );
}

import { endpointsOf } from './azure/clouds.ts';
import { operationAt } from './azure/operations.ts';
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

/**
 * The post part: undoes what main wrote into the state, and derives nothing a second time.
 * @throws `rule-not-removed`, `state-invalid`, and what kept the dotenv file from being removed
 */
export async function close(workflow: Workflow): Promise<void> {
  const journal = new Journal(workflow);
  // What is on this machine comes first, since it waits for nobody; the rule last, which a login for the rest may need.
  const parts = [
    async () => await removeEnvFile(journal.envFile()),
    async (run: Run) => await endMigration(run, workflow, journal),
    async (run: Run) => await removeTemporaryRule(run, workflow, journal),
  ];
  await withRun(workflow, POST_TIMEOUT_MS, 'Remove the rule manually.', async (run) => {
    const failures: unknown[] = [];
    for (const part of parts) await part(run).catch((error: unknown) => failures.push(error));
    const [first, ...others] = failures;
    for (const other of others) run.warning(messageOf(other));
    if (first !== undefined) throw first;
  });
}

/** Ends a migration that main could not end since it was killed; where that is not possible, the rule is removed all the same. */
async function endMigration(run: Run, workflow: Workflow, journal: Journal): Promise<void> {
  const entry = journal.migration();
  const signedIn = journal.signIn();
  if (entry === undefined || entry.ended || signedIn === undefined) return;
  await endTagged(entry.tag);
  const { reader } = connectAsMain(run, workflow, signedIn, entry);
  const silent = (): Error => new Error(`no answer within ${duration(MIGRATION_TIMEOUT_MS)}`);
  const ending = closeMigration(run, workflow, reader, entry);
  await within(MIGRATION_TIMEOUT_MS, silent, ending).catch((error: unknown) => {
    run.warning(
      `The sessions of the migration in the server could not be ended: ${messageOf(error)}\nWhat to do: look for them in pg_stat_activity (role '${entry.user}', database '${entry.database}', since ${entry.since}) before the next migration, and end them: SELECT pg_terminate_backend(PID);`,
    );
  });
}

async function removeTemporaryRule(run: Run, workflow: Workflow, journal: Journal): Promise<void> {
  const entry = journal.rule();
  const signedIn = journal.signIn();
  if (entry === undefined) {
    run.info('No temporary firewall rule to remove.');
    return;
  }
  if (signedIn === undefined) throw fail('state-invalid', { key: 'sign-in', reason: 'is missing' });
  if (!isTemporaryRuleOf(workflow.identity, entry.rule))
    throw fail('state-invalid', { key: 'rule', reason: 'names a firewall rule of another run' });
  const { connected, reader } = connectAsMain(run, workflow, signedIn, entry);
  const removing = removeRule(run, connected, reader, entry);
  const outcome = await untilAborted(run.signal, GRACE_MS, removing).catch((error: unknown) => {
    throw notRemoved(entry, happenedIn(error), error);
  });
  run.info(outcomes[outcome](entry.rule));
  if (outcome === 'removed') run.info(access[await accessAfter(run, workflow, reader, entry)]);
}

const outcomes: Readonly<Record<Outcome, (rule: string) => string>> = {
  removed: (rule) => `Removed the temporary firewall rule '${rule}'.`,
  absent: (rule) => `There is no temporary firewall rule '${rule}' to remove: Azure does not show it.`,
  'never made': (rule) => `There is no temporary firewall rule '${rule}' to remove: Azure did not make it.`,
};

/** Signs in as main did, by the network that main went by, and reads the server that an entry of the state names. */
function connectAsMain(
  run: Run,
  workflow: Workflow,
  { way, cloud, signIn, network }: SignInEntry,
  { server: name, resourceGroup }: Pick<RuleEntry, 'server' | 'resourceGroup'>,
): { readonly connected: Connected; readonly reader: AzureReader } {
  const changed = restoreNetwork(network, process.env);
  if (changed.length > 0)
    run.warning(
      `A later step has changed ${changed.join(', ')}. Post does not use this, so that no proxy or root certificate of that step can be used to read its tokens; what the main part of this step used cannot be brought back.`,
    );
  const endpoints = endpointsOf(cloud, process.env);
  // No secret is in the state, so it is read from the step's inputs again; only where main used one.
  const clientSecret =
    way === 'client-secret'
      ? workflow.rawInput('client-secret') || process.env['AZURE_CLIENT_SECRET'] || ''
      : undefined;
  if (clientSecret !== undefined) workflow.mask(clientSecret);
  const connected = connect(workflow, way, { ...signIn, clientSecret }, endpoints);
  return { connected, reader: new AzureReader(connected.clients, run, { name, resourceGroup }) };
}

/** What became of the rule. */
type Outcome = 'removed' | 'absent' | 'never made';

/**
 * Lets the creation end, deletes in any case, and watches where there was nothing to delete: an accepted request may
 * take effect after that.
 */
async function removeRule(
  run: Run,
  { clients }: Connected,
  reader: AzureReader,
  { rule, operationUrl, refused }: RuleEntry,
): Promise<Outcome> {
  const writer = new AzureWriter(clients, run, reader, true);
  if (refused && (await reader.firewallRule(rule)).status === 'absent') return 'never made';
  const creation = operationUrl === undefined ? 'unknown' : await creationEnd(run, clients, operationUrl);
  if (await writer.deleteFirewallRule(rule)) return 'removed';
  if (creation === 'failed') return 'never made';
  // With its server the rule is gone too, and will not come back.
  if ((await reader.lookAgain()).status === 'absent') return 'absent';
  run.info(
    `Azure has no firewall rule '${rule}' yet, but may have accepted it; watching whether it still appears.`,
  );
  const shows = async (): Promise<true | undefined> =>
    (await reader.firewallRule(rule)).status === 'present' || undefined;
  const late = await waitFor(run, `whether firewall rule '${rule}' appears`, shows, {
    atMost: VISIBILITY_TIMEOUT_MS,
  }).catch(timedOut(run));
  if (!late) return 'absent';
  await writer.deleteFirewallRule(rule);
  return 'removed';
}

/** How the creation ended; `unknown` where that cannot be read in time, since the deletion decides. */
async function creationEnd(
  run: Run,
  clients: Connected['clients'],
  url: string,
): Promise<'ended' | 'failed' | 'unknown'> {
  const operation = operationAt(clients, run, { url });
  const look = async (): Promise<'ended' | 'failed' | 'unknown' | undefined> => {
    await operation.poll();
    try {
      const progress = operation.progress();
      return progress === 'running' ? undefined : progress === 'succeeded' ? 'ended' : 'unknown';
    } catch {
      return 'failed';
    }
  };
  const waiting = { atMost: CREATION_TIMEOUT_MS };
  return (
    (await waitFor(run, 'the creation of the firewall rule to end', look, waiting).catch(timedOut(run))) ??
    'unknown'
  );
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
  const look = async (): Promise<'revoked' | undefined> => {
    const result = await login(target, 1500, run.signal).result;
    if ('session' in result) await result.session.close();
    return 'failure' in result && result.failure.kind === 'blocked' ? 'revoked' : undefined;
  };
  const waiting = { pause: 200, longestPause: 1000, atMost: REVOKE_TIMEOUT_MS };
  return (
    (await waitFor(run, 'the firewall to block this runner', look, waiting).catch(timedOut(run))) ?? 'not yet'
  );
}

/** That a wait was in vain; the end of the whole part is thrown. */
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

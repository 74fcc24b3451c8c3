import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { AzureReader } from './azure/reader.ts';
import { AzureWriter } from './azure/writer.ts';
import { closeMigration } from './close-migration.ts';
import { azureServices, covers, sameRange } from './config/addresses.ts';
import { isTemporaryRuleOf } from './config/names.ts';
import { administratorIn, type Connected, connect, withRun } from './context.ts';
import { ActionError, endOf, fail, messageOf } from './errors.ts';
import { Journal, type RuleEntry, type SignInEntry } from './github/journal.ts';
import type { Workflow } from './github/workflow.ts';
import { login } from './postgres/login.ts';
import { endTagged } from './process-tree.ts';
import { removeEnvFile } from './publish.ts';
import { rangeOf } from './resources/firewall-rule.ts';
import { type Run, waitFor } from './waiting.ts';

/** Milliseconds for the whole post half. */
const patience = 8 * 60_000;
/** Milliseconds for a killed migration's sessions to be found and ended. */
const migrationEnds = 60_000;
/** Milliseconds that an accepted creation may still be running. */
const creationEnds = 180_000;
/** Milliseconds for a creation to show whose answer main did not live to see (facts.md §2: a rule's Retry-After is 60 s). */
const creationShows = 90_000;

/**
 * The post half: closes what main wrote in its journal, and derives nothing anew (design.md, Journal before act).
 * @throws `rule-not-removed`, and what kept the dotenv file from being removed
 */
export async function close(workflow: Workflow): Promise<void> {
  const journal = new Journal(workflow);
  try {
    await closeMigrationOf(workflow, journal);
    await closeDoor(workflow, journal);
  } finally {
    const envFile = journal.envFile();
    if (envFile !== undefined) await removeEnvFile(envFile);
  }
}

/** Ends a migration that was running when main was killed. A failure is a warning, since the rule has to be removed. */
async function closeMigrationOf(workflow: Workflow, journal: Journal): Promise<void> {
  const entry = journal.migration();
  const signedIn = journal.signIn();
  if (entry === undefined || entry.ended || signedIn === undefined) return;
  await endTagged(entry.tag);
  await withRun(workflow, migrationEnds, 'End them manually.', (run) =>
    closeMigration(run, workflow, connectAgain(run, workflow, signedIn, entry).reader, entry),
  ).catch((error: unknown) => {
    workflow.warning(
      `The sessions of the migration in the server could not be ended: ${messageOf(error)}\nWhat to do: look for them in pg_stat_activity (role '${entry.user}', database '${entry.database}', since ${entry.since}) before the next migration, and end them: SELECT pg_terminate_backend(PID);`,
    );
  });
}

/** Azure, signed in as main was, and the server that an entry names. */
function connectAgain(
  run: Run,
  workflow: Workflow,
  signedIn: SignInEntry,
  { server: name, resourceGroup }: Pick<RuleEntry, 'server' | 'resourceGroup'>,
): { connected: Connected; reader: AzureReader } {
  const signIn = { ...signedIn.signIn, clientSecret: secretOf(workflow, signedIn) };
  const connected = connect(workflow, signedIn.way, signIn, signedIn.endpoints);
  return { connected, reader: new AzureReader(connected.clients, run, { name, resourceGroup }) };
}

async function closeDoor(workflow: Workflow, journal: Journal): Promise<void> {
  const entry = journal.rule();
  const signedIn = journal.signIn();
  if (entry === undefined || signedIn === undefined) {
    workflow.info('No temporary firewall rule was made; nothing to close.');
    return;
  }
  if (!isTemporaryRuleOf(workflow.identity, entry.rule))
    throw notRemoved(entry, 'its name is not of this run.');
  await withRun(workflow, patience, 'Remove the rule by hand.', (run) =>
    closeDoorIn(run, workflow, entry, signedIn),
  );
}

async function closeDoorIn(
  run: Run,
  workflow: Workflow,
  entry: RuleEntry,
  signedIn: SignInEntry,
): Promise<void> {
  const { connected, reader } = connectAgain(run, workflow, signedIn, entry);
  try {
    await removeRule(run, connected, reader, entry);
  } catch (error) {
    const end = endOf(run.signal, error);
    throw notRemoved(entry, end.code === 'unexpected' ? messageOf(error) : end.message, end);
  }
  workflow.info(`Removed the temporary firewall rule '${entry.rule}'.`);
  workflow.info(sentences[await doorAfter(workflow, run, reader, entry)]);
}

/** Milliseconds for a removed rule to stop working; Azure may take five minutes, but no job should wait for that. */
const shutWithin = 60_000;

const sentences = {
  shut: 'This runner is shut out again.',
  open: 'Another firewall rule still lets this runner in.',
  closing: 'The rule may let this runner in for some minutes more, until Azure has taken it out of effect.',
} as const;

/**
 * Whether the door is shut, by the proof of a login that gets no answer: ARM shows a rule as gone before it stops
 * working (facts.md §5).
 */
async function doorAfter(
  workflow: Workflow,
  run: Run,
  reader: AzureReader,
  { host, address }: RuleEntry,
): Promise<keyof typeof sentences> {
  const rules = await reader.firewallRules().catch(() => undefined);
  if (rules === undefined) return 'closing';
  const ranges = rules.map(rangeOf);
  if (ranges.some((range) => covers(range, address) || sameRange(range, azureServices))) return 'open';
  const password = workflow.rawInput('admin-password');
  if (password !== '') workflow.mask(password);
  // A config-file may have given it, and is not read again: any name tells whether the door is shut.
  const username = workflow.rawInput('admin-username').trim() || 'postgres';
  const target = administratorIn(workflow, host, { username, password });
  const look = async (): Promise<'shut' | undefined> => {
    const result = await login(target, 1500, run.signal).result;
    if ('session' in result) await result.session.close();
    return 'failure' in result && result.failure.kind === 'blocked' ? 'shut' : undefined;
  };
  const waiting = { pause: 200, longestPause: 1000, atMost: shutWithin };
  return (await waitFor(run, 'the firewall to shut', look, waiting).catch(timedOut)) ?? 'closing';
}

/** The secret is in no state, so it is read again; only where main used one. */
function secretOf(workflow: Workflow, { way }: SignInEntry): string | undefined {
  if (way !== 'client-secret') return undefined;
  const secret = workflow.rawInput('client-secret') || process.env['AZURE_CLIENT_SECRET'] || '';
  workflow.mask(secret);
  return secret;
}

/** Lets the creation end, deletes in any case, and looks again: an accepted request may finish after the first look. */
async function removeRule(
  run: Run,
  connected: Connected,
  reader: AzureReader,
  entry: RuleEntry,
): Promise<void> {
  const writer = new AzureWriter(connected.clients, run, reader);
  const shows = async (): Promise<true | undefined> =>
    (await reader.firewallRule(entry.rule)).status === 'present' || undefined;
  if (entry.refused && !(await shows())) return;
  if (entry.operationUrl !== undefined) await creationEnded(run, connected, entry.operationUrl);
  const found = await writer.deleteFirewallRule(entry.rule);
  if (found || entry.operationUrl !== undefined) return;
  run.info('Whether Azure took the request for the rule is not known; watching whether it still shows.');
  const late = await waitFor(run, 'the rule to show', shows, { atMost: creationShows }).catch(timedOut);
  if (late) await writer.deleteFirewallRule(entry.rule);
}

/** Polls the creation's operation to its end, well or ill; gives up quietly, since the deletion decides. */
async function creationEnded(run: Run, { clients, endpoints }: Connected, url: string): Promise<void> {
  // The token goes nowhere but to ARM.
  if (!url.startsWith(`${endpoints.resourceManager}/`)) return;
  const look = async (): Promise<true | undefined> => {
    const request = createPipelineRequest({ url, method: 'GET', abortSignal: run.signal });
    const { status, bodyAsText } = await clients.postgresql.sendRequest(request);
    return status !== 200 || !/"status"\s*:\s*"InProgress"/.test(bodyAsText ?? '') || undefined;
  };
  await waitFor(run, 'the rule’s creation to end', look, { atMost: creationEnds }).catch((error: unknown) => {
    if (run.signal.aborted) throw error;
    run.debug(`The creation's end is not known: ${messageOf(error)}`);
  });
}

function timedOut(error: unknown): undefined {
  if (!(error instanceof ActionError && error.code === 'timed-out')) throw error;
}

function notRemoved({ rule, server, resourceGroup }: RuleEntry, reason: string, cause?: unknown): Error {
  const azure = cause instanceof ActionError ? cause.azure : undefined;
  return fail(
    'rule-not-removed',
    { rule, server, group: resourceGroup, reason },
    { cause, ...(azure ? { azure } : {}) },
  );
}

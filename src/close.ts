import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { AzureReader } from './azure/reader.ts';
import { AzureWriter } from './azure/writer.ts';
import { isTemporaryRuleOf } from './config/names.ts';
import { type Connected, connect, startRun } from './context.ts';
import { ActionError, fail, messageOf } from './errors.ts';
import { Journal, type RuleEntry } from './github/journal.ts';
import { Workflow } from './github/workflow.ts';
import { removeEnvFile } from './publish.ts';
import { endOf } from './report.ts';
import { type Run, waitFor } from './waiting.ts';

/** Milliseconds for the whole post half. */
const patience = 8 * 60_000;
/** Milliseconds that an accepted creation may still be running. */
const creationEnds = 180_000;
/** Milliseconds for a creation to show whose answer main did not live to see. */
const creationShows = 20_000;

/**
 * The post half: closes what main wrote in its journal, and derives nothing anew (design.md, Journal before act).
 * @throws `rule-not-removed` and the like
 */
export async function close(workflow = new Workflow()): Promise<void> {
  const journal = new Journal(workflow);
  const envFile = journal.envFile();
  if (envFile !== undefined) await removeEnvFile(envFile);
  const entry = journal.rule();
  const signedIn = journal.signIn();
  if (entry === undefined || signedIn === undefined) {
    workflow.info('No temporary firewall rule was made; nothing to close.');
    return;
  }
  if (!isTemporaryRuleOf(workflow.identity, entry.rule))
    throw notRemoved(entry, 'its name is not of this run.');
  const clientSecret = workflow.rawInput('client-secret') || process.env['AZURE_CLIENT_SECRET'] || undefined;
  if (clientSecret !== undefined) workflow.mask(clientSecret);
  const run = startRun(workflow, patience);
  const connected = connect(workflow, { ...signedIn.signIn, clientSecret }, signedIn.endpoints);
  await removeRule(run, connected, entry).catch((error: unknown) => {
    const end = endOf(run.signal, error);
    throw notRemoved(entry, end.code === 'unexpected' ? messageOf(error) : end.message, end);
  });
  workflow.info(`Removed the temporary firewall rule '${entry.rule}'; this runner is shut out again.`);
}

/** Lets the creation end, deletes, and looks again: an accepted request may finish after the first look. */
async function removeRule(run: Run, connected: Connected, entry: RuleEntry): Promise<void> {
  const reader = new AzureReader(connected.clients, run, {
    name: entry.server,
    resourceGroup: entry.resourceGroup,
  });
  const writer = new AzureWriter(connected.clients, run, reader);
  const there = async (): Promise<boolean> => (await reader.firewallRule(entry.rule)).status !== 'absent';
  if (entry.operationUrl !== undefined) await creationEnded(run, connected, entry.operationUrl);
  else
    await waitFor(run, 'the rule to show', async () => (await there()) || undefined, {
      atMost: creationShows,
    }).catch(ignoreTimeOut);
  if (!(await there())) return;
  await writer.deleteFirewallRule(entry.rule);
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
  await waitFor(run, 'the rule’s creation to end', look, { atMost: creationEnds }).catch(ignoreTimeOut);
}

function ignoreTimeOut(error: unknown): void {
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

import { statSync } from 'node:fs';
import { type AzureClients, createClients } from './azure/clients.ts';
import { type Endpoints, echoUrls } from './azure/clouds.ts';
import { type SignInWay, signIn } from './azure/credentials.ts';
import type { Config, Credentials, SignInConfig } from './config/config.ts';
import type { ConfigFile } from './config/config-file.ts';
import { exposesSecretsToFork, type WorkflowEvent, withholdsSecrets } from './config/event.ts';
import { Inputs, type RawInput, type Surroundings } from './config/inputs.ts';
import { secretInputs } from './config/kinds.ts';
import { parseConfig } from './config/parse.ts';
import { readConfigFile } from './config-file.ts';
import { endOf, fail } from './errors.ts';
import { inWorkspace } from './folders.ts';
import type { Workflow } from './github/workflow.ts';
import type { LoginTarget } from './postgres/login.ts';
import { duration, type Run, untilAborted } from './waiting.ts';

/**
 * Masks the secrets among the inputs, and what stands in their place in the config-file; then reads the configuration.
 * @returns undefined where the run has no credentials and is to be skipped then (`skip-without-credentials`)
 * @throws `inputs-invalid` with every fault of every input; `no-credentials`, `fork-refused`
 */
export function readConfig(workflow: Workflow): Config | undefined {
  for (const secret of givenSecrets(workflow)) workflow.mask(secret);
  const configFile = configFileOf(workflow);
  for (const secret of configFile?.secrets ?? []) workflow.mask(secret);
  const { event } = workflow;
  const raw: RawInput = (name) => workflow.rawInput(name);
  const surroundings: Surroundings = {
    env: process.env,
    isDirectory: (path) => statSync(inWorkspace(path), { throwIfNoEntry: false })?.isDirectory() ?? false,
    event,
    configFile,
  };
  const inputs = new Inputs(raw, surroundings);
  if (lacksCredentials(workflow, inputs)) {
    if (inputs.boolean('skip-without-credentials')) return undefined;
    // A file that cannot be read may have said to skip it.
    if (!configFile?.broken) throw fail('no-credentials', { why: strangersRun(event) });
  }
  const config = parseConfig(raw, surroundings);
  if ('faults' in config) throw fail('inputs-invalid', { faults: config.faults });
  if (config.mode === 'ensure' && exposesSecretsToFork(event))
    throw fail('fork-refused', { number: event.pullRequest?.number ?? 0 });
  return config;
}

/** Whose run gets no secrets, to follow "GitHub gives". */
export const strangersRun = ({ pullRequest }: WorkflowEvent): string =>
  pullRequest?.fromFork ? 'a fork’s pull request' : 'Dependabot’s pull requests';

/** Whether GitHub withholds from this run what it would sign in with, to Azure or to PostgreSQL. */
function lacksCredentials(workflow: Workflow, inputs: Inputs): boolean {
  if (!withholdsSecrets(workflow.event)) return false;
  const isCheck = inputs.text('mode')?.toLowerCase() === 'check';
  if (!isCheck && inputs.secret('admin-password') === undefined) return true;
  const way = inputs.secret('client-secret', 'AZURE_CLIENT_SECRET') || workflow.mayRequestIdToken;
  return !way && (inputs.text('client-id') !== undefined || process.env['AZURE_CLIENT_ID'] !== undefined);
}

function configFileOf(workflow: Workflow): ConfigFile | undefined {
  const path = workflow.rawInput('config-file').trim();
  return path === '' ? undefined : readConfigFile(path);
}

function givenSecrets(workflow: Workflow): readonly string[] {
  const inputs = secretInputs.map((name) => workflow.rawInput(name));
  return [...inputs, process.env['AZURE_CLIENT_SECRET'] ?? ''].filter((secret) => secret !== '');
}

/** Milliseconds that the work has to come to its end once the run is over: a migration has to be ended, say. */
const GRACE_MS = 8000;

/**
 * Does the work with the run's log functions and its abort signal: aborted after `timeout` milliseconds, and when GitHub
 * cancels the job (SIGINT, then SIGTERM). Returns at the latest some seconds after that, whatever hangs.
 * @param advice what a person can do when the time was too short
 * @throws the run's own error where it has ended by its signal, whatever broke in consequence
 */
export async function withRun<T>(
  workflow: Workflow,
  timeout: number,
  advice: string,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => {
    controller.abort(fail('timed-out', { waitingFor: 'the run to end', after: duration(timeout), advice }));
  }, timeout);
  const cancel = (name: NodeJS.Signals): void => controller.abort(fail('cancelled', { signal: name }));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, cancel);
  const run = {
    signal,
    info: (text: string) => workflow.info(text),
    warning: (text: string) => workflow.warning(text),
    debug: (text: string) => workflow.debug(text),
  };
  try {
    return await untilAborted(signal, GRACE_MS, work(run));
  } catch (error) {
    throw endOf(error, signal);
  } finally {
    clearTimeout(timer);
    for (const name of signals) process.off(name, cancel);
  }
}

/** Where Azure is and how to talk to it. */
export interface Connected {
  readonly endpoints: Endpoints;
  readonly clients: AzureClients;
  readonly echoServices: readonly string[];
}

/** Clients that sign in at their first request. */
export function connect(
  workflow: Workflow,
  way: SignInWay,
  signInConfig: SignInConfig,
  endpoints: Endpoints,
): Connected {
  const credential = signIn(way, signInConfig, endpoints, {
    mayRequestIdToken: workflow.mayRequestIdToken,
    requestIdToken: (audience) => workflow.requestIdToken(audience),
    mask: (secret) => workflow.mask(secret),
  });
  return {
    endpoints,
    clients: createClients(endpoints, credential, signInConfig.subscriptionId, (text) => workflow.info(text)),
    echoServices: echoUrls(process.env),
  };
}

/** The administrator in `postgres`, from where databases are made without entering them. */
export function administratorIn(
  workflow: Workflow,
  host: string,
  administrator: Credentials | undefined,
): LoginTarget {
  const { username = '', password = '' } = administrator ?? {};
  return {
    host,
    port: 5432,
    database: 'postgres',
    user: username,
    password,
    applicationName: workflow.applicationName,
  };
}

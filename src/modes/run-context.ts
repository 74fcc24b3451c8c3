import { statSync } from 'node:fs';
import { type AzureClients, createClients } from '../azure/clients.ts';
import { type Endpoints, resolveIpEchoUrls } from '../azure/clouds.ts';
import { createCredential } from '../azure/credentials.ts';
import { actionError, toActionError } from '../common/errors.ts';
import { resolveInWorkspace } from '../common/paths.ts';
import { formatDuration, type RunContext, withAbortGrace } from '../common/polling.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { ConfigFile } from '../inputs/config-file/parse-config-file.ts';
import { readConfigFile } from '../inputs/config-file/read-config-file.ts';
import { type GetRawInput, InputReader, type ParseContext } from '../inputs/input-reader.ts';
import { parseConfig } from '../inputs/parse/parse-config.ts';
import { secretInputs } from '../inputs/schema.ts';
import type { AuthMethod, Config, Credentials, SignInConfig } from '../inputs/types.ts';
import { isUntrustedPullRequest, runsForkWithSecrets, type WorkflowEvent } from '../inputs/workflow-event.ts';
import type { LoginTarget } from '../postgres/login.ts';

/**
 * Masks the secrets among the inputs, and what stands in their place in the config-file; then reads the configuration.
 * @returns undefined where the run has no credentials and is to be skipped then (`skip-without-credentials`)
 * @throws `inputs-invalid` with every fault of every input; `no-credentials`, `fork-not-allowed`
 */
export function readConfig(runtime: ActionsRuntime): Config | undefined {
  for (const secret of secretInputValues(runtime)) runtime.mask(secret);
  const configFile = readConfigFileInput(runtime);
  for (const secret of configFile?.misplacedSecrets ?? []) runtime.mask(secret);
  const { event } = runtime;
  const raw: GetRawInput = (name) => runtime.rawInput(name);
  const parseContext: ParseContext = {
    env: process.env,
    isDirectory: (path) =>
      statSync(resolveInWorkspace(path), { throwIfNoEntry: false })?.isDirectory() ?? false,
    event,
    configFile,
  };
  const inputs = new InputReader(raw, parseContext);
  if (hasNoCredentials(runtime, inputs)) {
    if (inputs.boolean('skip-without-credentials')) return undefined;
    // A file that cannot be read may have said to skip it.
    if (!configFile?.isUnreadable) throw actionError('no-credentials', { why: untrustedSource(event) });
  }
  const config = parseConfig(raw, parseContext);
  if ('errors' in config) throw actionError('inputs-invalid', { errors: config.errors });
  if (config.mode === 'ensure' && runsForkWithSecrets(event))
    throw actionError('fork-not-allowed', { number: event.pullRequest?.number ?? 0 });
  return config;
}

/** Whose run gets no secrets, to follow "GitHub gives". */
export const untrustedSource = ({ pullRequest }: WorkflowEvent): string =>
  pullRequest?.fromFork ? 'a fork’s pull request' : 'Dependabot’s pull requests';

/** Whether GitHub withholds from this run what it would sign in with, to Azure or to PostgreSQL. */
function hasNoCredentials(runtime: ActionsRuntime, inputs: InputReader): boolean {
  if (!isUntrustedPullRequest(runtime.event)) return false;
  const isCheck = inputs.text('mode')?.toLowerCase() === 'check';
  if (!isCheck && inputs.secret('admin-password') === undefined) return true;
  const canSignIn = inputs.secret('client-secret', 'AZURE_CLIENT_SECRET') || runtime.canRequestIdToken;
  return (
    !canSignIn && (inputs.text('client-id') !== undefined || process.env['AZURE_CLIENT_ID'] !== undefined)
  );
}

function readConfigFileInput(runtime: ActionsRuntime): ConfigFile | undefined {
  const path = runtime.rawInput('config-file').trim();
  return path === '' ? undefined : readConfigFile(path);
}

function secretInputValues(runtime: ActionsRuntime): readonly string[] {
  const inputs = secretInputs.map((name) => runtime.rawInput(name));
  return [...inputs, process.env['AZURE_CLIENT_SECRET'] ?? ''].filter((secret) => secret !== '');
}

/** Milliseconds that the work has to come to its end once the run is over: a migration has to be ended, say. */
const ABORT_GRACE_MS = 8000;

/**
 * Does the work with the run's log functions and its abort signal: aborted after `timeoutMs` milliseconds, and when GitHub
 * cancels the job (SIGINT, then SIGTERM). Returns at the latest some seconds after that, whatever hangs.
 * @param hint what a person can do when the time was too short
 * @throws the run's own error where it has ended by its signal, whatever broke in consequence
 */
export async function withRunContext<T>(
  runtime: ActionsRuntime,
  timeoutMs: number,
  hint: string,
  work: (run: RunContext) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => {
    controller.abort(
      actionError('timed-out', { waitingFor: 'the run to end', after: formatDuration(timeoutMs), hint }),
    );
  }, timeoutMs);
  const cancel = (name: NodeJS.Signals): void => controller.abort(actionError('cancelled', { signal: name }));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, cancel);
  const run = {
    signal,
    info: (text: string) => runtime.info(text),
    warning: (text: string) => runtime.warning(text),
    debug: (text: string) => runtime.debug(text),
  };
  try {
    return await withAbortGrace(signal, ABORT_GRACE_MS, work(run));
  } catch (error) {
    throw toActionError(error, signal);
  } finally {
    clearTimeout(timer);
    for (const name of signals) process.off(name, cancel);
  }
}

/** Where Azure is and how to talk to it. */
export interface AzureConnection {
  readonly endpoints: Endpoints;
  readonly clients: AzureClients;
  readonly ipEchoUrls: readonly string[];
}

/** Clients that sign in at their first request. */
export function connectToAzure(
  runtime: ActionsRuntime,
  authMethod: AuthMethod,
  signInConfig: SignInConfig,
  endpoints: Endpoints,
): AzureConnection {
  const credential = createCredential(authMethod, signInConfig, endpoints, {
    canRequestIdToken: runtime.canRequestIdToken,
    requestIdToken: (audience) => runtime.requestIdToken(audience),
    mask: (secret) => runtime.mask(secret),
  });
  return {
    endpoints,
    clients: createClients(endpoints, credential, signInConfig.subscriptionId, (text) => runtime.info(text)),
    ipEchoUrls: resolveIpEchoUrls(process.env),
  };
}

/** The administrator in `postgres`, from where databases are made without entering them. */
export function adminLogin(
  runtime: ActionsRuntime,
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
    applicationName: runtime.applicationName,
  };
}

import { statSync } from 'node:fs';
import { originalEnvironment } from '../common/environment.ts';
import { actionError } from '../common/errors.ts';
import { resolveInWorkspace } from '../common/paths.ts';
import { findProxyPasswords, findProxyProblems } from '../common/proxy.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { ConfigFile } from '../inputs/config-file/parse-config-file.ts';
import { type GetRawInput, InputReader, type ParseContext } from '../inputs/input-reader.ts';
import { parseConfig } from '../inputs/parse/parse-config.ts';
import { secretInputs } from '../inputs/schema.ts';
import type { Config, EnsureConfig } from '../inputs/types.ts';
import { runsForkWithSecrets, secretsWithheldFrom, type WorkflowEvent } from '../inputs/workflow-event.ts';

/**
 * Masks the secret inputs, passwords of proxies, and secrets that the config-file contains by mistake; then reads the
 * configuration.
 * @returns undefined if the run has no credentials and `skip-without-credentials` is true
 * @throws `inputs-invalid` with every error of every input and of the proxies in the environment; `no-credentials`,
 *   `fork-not-allowed`, `pull-request-closed`
 */
export async function readConfig(runtime: ActionsRuntime): Promise<Config | undefined> {
  for (const secret of secretInputValues(runtime)) runtime.mask(secret);
  const configFile = await readConfigFileInput(runtime);
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
    if (inputs.get('skip-without-credentials')) return undefined;
    // An unreadable file may contain skip-without-credentials, so its own errors are reported instead.
    if (!configFile?.isUnreadable) throw missingCredentialsError(event);
  }
  const config = parseConfig(raw, parseContext);
  const environmentErrors = findProxyProblems(originalEnvironment());
  if ('errors' in config || environmentErrors.length > 0)
    throw actionError('inputs-invalid', {
      errors: 'errors' in config ? config.errors : [],
      environmentErrors,
    });
  if (config.mode === 'ensure') rejectEvent(config, event);
  return config;
}

/** Rejects what the event alone forbids, before the first request. @throws `fork-not-allowed`, `pull-request-closed` */
function rejectEvent({ pullRequest }: EnsureConfig, event: WorkflowEvent): void {
  if (runsForkWithSecrets(event))
    throw actionError('fork-not-allowed', { number: event.pullRequest?.number ?? 0 });
  if (pullRequest?.state !== 'closed') return;
  const { number, repository } = pullRequest;
  throw actionError('pull-request-closed', { number, repository: repository.name });
}

const missingCredentialsError = (event: WorkflowEvent): Error =>
  actionError('no-credentials', {
    why: untrustedSource(event),
    ...(secretsWithheldFrom(event) === 'fork' ? FORK_CREDENTIALS : DEPENDABOT_CREDENTIALS),
  });

const FORK_CREDENTIALS = {
  withheld: 'secrets or an OpenID Connect token',
  alternative: 'run the step only for branches of this repository',
};

const DEPENDABOT_CREDENTIALS = {
  withheld: 'the secrets of Actions, only Dependabot secrets,',
  alternative:
    'add the secrets under the same names to the repository’s Dependabot secrets (Settings, Secrets and variables, Dependabot)',
};

/** Names the source of a run without secrets, as the object of "GitHub gives". */
export const untrustedSource = (event: WorkflowEvent): string =>
  secretsWithheldFrom(event) === 'fork'
    ? 'a fork’s pull request'
    : `Dependabot’s ${event.pullRequest === undefined ? `runs on ${event.name}` : 'pull requests'}`;

/**
 * Whether the credentials for Azure or PostgreSQL are missing in a run from which GitHub withholds secrets. The ids for the
 * sign-in can be among the missing secrets and variables. Without an OIDC token, only a self-hosted runner can have an
 * identity; a client id alone does not show that it has one, but an administrator's password shows that the run gets secrets.
 */
function hasNoCredentials(runtime: ActionsRuntime, inputs: InputReader): boolean {
  if (secretsWithheldFrom(runtime.event) === undefined) return false;
  const hasPassword = inputs.secret('admin-password') !== undefined;
  if (inputs.get('mode') !== 'check' && !hasPassword) return true;
  const isIdMissing = (name: 'client-id' | 'subscription-id', variable: string): boolean =>
    !inputs.isSet(name) && !process.env[variable];
  if (isIdMissing('subscription-id', 'AZURE_SUBSCRIPTION_ID')) return true;
  if (inputs.secret('client-secret', 'AZURE_CLIENT_SECRET')) return false;
  const isHosted = process.env['RUNNER_ENVIRONMENT'] === 'github-hosted';
  return isIdMissing('client-id', 'AZURE_CLIENT_ID')
    ? isHosted
    : !runtime.canRequestIdToken && (isHosted || !hasPassword);
}

async function readConfigFileInput(runtime: ActionsRuntime): Promise<ConfigFile | undefined> {
  const path = runtime.rawInput('config-file').trim();
  if (path === '') return undefined;
  const { readConfigFile } = await import('../inputs/config-file/read-config-file.ts');
  return readConfigFile(path);
}

function secretInputValues(runtime: ActionsRuntime): readonly string[] {
  const inputs = secretInputs.map((name) => runtime.rawInput(name));
  const proxyPasswords = findProxyPasswords(originalEnvironment());
  return [...inputs, process.env['AZURE_CLIENT_SECRET'] ?? '', ...proxyPasswords].filter(
    (secret) => secret !== '',
  );
}

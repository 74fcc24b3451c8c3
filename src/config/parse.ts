import type {
  CheckConfig,
  Config,
  ConfigFilePlaces,
  Credentials,
  DropConfig,
  EnsureConfig,
  SignInConfig,
  SweepConfig,
} from './config.ts';
import { noEvent, type WorkflowEvent } from './event.ts';
import { Inputs, type RawInput, type Surroundings } from './inputs.ts';
import { kinds } from './kinds.ts';
import {
  parseApplication,
  parseDatabase,
  parseExtensions,
  parseMigrateAs,
  parsePullRequest,
  parseRole,
  refuseWithoutPullRequest,
} from './parse-data-plane.ts';
import { parseDriftIssue, parseDriftReport } from './parse-drift.ts';
import { parseMigration, parsePublish } from './parse-publish.ts';
import { parseFirewall, parseServer } from './parse-server.ts';
import * as rules from './rules.ts';
import { controlAtEnds } from './secret-ends.ts';

/**
 * Inputs → Config, the step's own before those of its config-file. Names every fault of every input at once; where the
 * file cannot be read at all only that, for nobody knows what it would have said.
 * @returns the frozen configuration, or the list of faults, a sentence each
 */
export function parseConfig(
  raw: RawInput,
  surroundings: Surroundings,
): Config | { readonly faults: readonly string[] } {
  const { configFile } = surroundings;
  if (configFile?.broken) return { faults: configFile.faults };
  const inputs = new Inputs(raw, surroundings);
  const config = parseMode(inputs, surroundings);
  const faults = [...(configFile?.faults ?? []), ...inputs.faults];
  return faults.length > 0 || config === undefined ? { faults } : frozen(config);
}

/** Frozen with all that is in it; maps have no frozen form, and are typed as read-only. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

function parseMode(inputs: Inputs, surroundings: Surroundings): Config | undefined {
  const mode = inputs.choice('mode', kinds.mode.choices) ?? 'ensure';
  // Read here for their spelling: what the one means, readConfig has looked at before; the other is mode check's.
  inputs.boolean('skip-without-credentials');
  inputs.boolean('drift-issue');
  if (mode !== 'check') refuseWithoutPassword(inputs, mode);
  const { event = noEvent } = surroundings;
  switch (mode) {
    case 'ensure':
      return parseEnsure(inputs, surroundings, event);
    case 'check':
      return parseCheck(inputs, surroundings, event);
    case 'drop':
      return parseDrop(inputs, event);
    case 'sweep':
      return parseSweep(inputs, event);
  }
}

function parseEnsure(inputs: Inputs, surroundings: Surroundings, event: WorkflowEvent): EnsureConfig {
  const administrator = parseAdministrator(inputs);
  const pullRequest = inputs.boolean('per-pull-request') ? parsePullRequest(inputs, event) : undefined;
  const name = inputs.required('database', 'the database to ensure');
  refuseDryRun(inputs);
  refuseWithoutPullRequest(inputs);
  const database = parseDatabase(inputs, name, pullRequest);
  const application = parseApplication(inputs, { administrator, pullRequest, database, event });
  return {
    mode: 'ensure',
    ...parseCommon(inputs),
    administrator,
    pullRequest,
    database,
    application,
    extensions: parseExtensions(inputs),
    publish: parsePublish(inputs),
    migration: parseMigration(inputs, surroundings, parseMigrateAs(inputs)),
    comment: inputs.boolean('comment') ?? false,
    onDrift: inputs.choice('on-drift', ['warn', 'fix'] as const) ?? 'warn',
    repository: event.repository,
    driftReport: parseDriftReport(inputs),
    declaredIn: declaredIn(inputs, surroundings),
  };
}

function parseCheck(inputs: Inputs, surroundings: Surroundings, event: WorkflowEvent): CheckConfig {
  const username = inputs.text('admin-username');
  const password = inputs.secret('admin-password');
  const pullRequest = inputs.boolean('per-pull-request') ? parsePullRequest(inputs, event) : undefined;
  const name = inputs.text('database');
  const administrator = username && password ? { username, password } : undefined;
  refuseDryRun(inputs);
  refuseWithoutPullRequest(inputs);
  const database = name === undefined ? undefined : parseDatabase(inputs, name, pullRequest);
  return {
    mode: 'check',
    ...parseCommon(inputs),
    administrator,
    pullRequest,
    database,
    application: database && parseRole(inputs, { administrator, pullRequest, database, event }),
    extensions: parseExtensions(inputs),
    onDrift: inputs.choice('on-drift', ['warn', 'fail'] as const) ?? 'fail',
    driftReport: parseDriftReport(inputs),
    driftIssue: parseDriftIssue(inputs, event),
    repository: event.repository,
    declaredIn: declaredIn(inputs, surroundings),
  };
}

/** Where the file says what counts: an input that the step gives too is not the file's. */
function declaredIn(inputs: Inputs, { configFile }: Surroundings): ConfigFilePlaces | undefined {
  const path = inputs.text('config-file');
  if (path === undefined || configFile === undefined) return undefined;
  const lines = [...configFile.lines].filter(([name]) => inputs.isFromFile(name.replace(/\..*$/s, '')));
  return { path, lines: new Map(lines) };
}

function parseDrop(inputs: Inputs, event: WorkflowEvent): DropConfig {
  const administrator = parseAdministrator(inputs);
  // Implied, and read for its spelling alone.
  inputs.boolean('per-pull-request');
  const pullRequest = parsePullRequest(inputs, event);
  const name = inputs.required(
    'database',
    "the base of the pull request's database, as given when it was ensured",
  );
  const database = parseDatabase(inputs, name, pullRequest);
  return {
    mode: 'drop',
    ...parseCommon(inputs),
    administrator,
    pullRequest,
    database,
    application: parseRole(inputs, { administrator, pullRequest, database, event }),
    comment: inputs.boolean('comment') ?? false,
    dryRun: inputs.boolean('dry-run') ?? false,
  };
}

function parseSweep(inputs: Inputs, { repository }: WorkflowEvent): SweepConfig {
  if (repository.id === '') inputs.fault(repositoryUnknown);
  return {
    mode: 'sweep',
    ...parseCommon(inputs),
    administrator: parseAdministrator(inputs),
    repository,
    comment: inputs.boolean('comment') ?? false,
    dryRun: inputs.boolean('dry-run') ?? false,
  };
}

/** What the other modes do in the database, they do as the administrator. */
function refuseWithoutPassword(inputs: Inputs, mode: Config['mode']): void {
  if (inputs.onOff('password-auth') === false)
    inputs.fault(
      `password-auth is Disabled, but mode ${mode} logs in by admin-password: only mode check can declare it`,
    );
}

const repositoryUnknown =
  'mode sweep needs to know the repository, but GITHUB_REPOSITORY_ID is not set: run it in a workflow';

function refuseDryRun(inputs: Inputs): void {
  if (inputs.boolean('dry-run'))
    inputs.fault('dry-run is for mode drop and sweep; mode check shows what ensure would find');
}

function parseAdministrator(inputs: Inputs): Credentials {
  const username = inputs.required('admin-username', 'the login of the server’s administrator');
  inputs.check('admin-username', username, rules.administratorLogin);
  const password = inputs.secret('admin-password');
  if (password === undefined)
    inputs.fault('admin-password is missing: put it into a secret and pass ${{ secrets.… }}');
  return { username, password: password ?? '' };
}

function parseCommon(inputs: Inputs) {
  return {
    cloud: inputs.choice('azure-environment', kinds['azure-environment'].choices) ?? 'AzureCloud',
    signIn: parseSignIn(inputs),
    server: parseServer(inputs),
    firewall: parseFirewall(inputs),
    startIfStopped: inputs.boolean('start-if-stopped') ?? true,
    gitHubToken: parseGitHubToken(inputs),
    timeout: (inputs.number('timeout-minutes', kinds['timeout-minutes']) ?? 30) * 60_000,
  };
}

/** Without the line break that a pasted one may have; what is within it would break the request's header. */
function parseGitHubToken(inputs: Inputs): string | undefined {
  const token = inputs.secret('github-token')?.trim() || undefined;
  inputs.check('github-token', token, (given) =>
    /[^\0!-~]/.test(given) ? 'contains white space or other characters that no token has' : undefined,
  );
  return token;
}

function parseSignIn(inputs: Inputs): SignInConfig {
  const clientId = inputs.textOrEnv('client-id', 'AZURE_CLIENT_ID');
  const tenantId = inputs.textOrEnv('tenant-id', 'AZURE_TENANT_ID');
  const subscriptionId = inputs.textOrEnv('subscription-id', 'AZURE_SUBSCRIPTION_ID');
  const clientSecret = inputs.secret('client-secret', 'AZURE_CLIENT_SECRET');
  if (subscriptionId === undefined) {
    inputs.missing('subscription-id', 'give the input or the variable AZURE_SUBSCRIPTION_ID');
  }
  for (const [name, value] of Object.entries({
    'client-id': clientId,
    'tenant-id': tenantId,
    'subscription-id': subscriptionId,
  })) {
    inputs.check(name, value, rules.guid);
  }
  inputs.check('client-secret', clientSecret, controlAtEnds);
  if (clientSecret !== undefined && (clientId === undefined || tenantId === undefined)) {
    inputs.fault('client-secret needs client-id and tenant-id as well');
  }
  return { clientId, tenantId, subscriptionId: subscriptionId ?? '', clientSecret };
}

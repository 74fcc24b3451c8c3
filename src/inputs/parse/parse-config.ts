import { type GetRawInput, InputReader, type ParseContext } from '../input-reader.ts';
import { inputSchema } from '../schema.ts';
import { validateSecretEnds } from '../secret-checks.ts';
import type {
  CheckConfig,
  Config,
  ConfigFileSource,
  Credentials,
  DropConfig,
  EnsureConfig,
  SignInConfig,
  SweepConfig,
} from '../types.ts';
import * as validators from '../validators.ts';
import { NO_EVENT, type WorkflowEvent } from '../workflow-event.ts';
import {
  parseAppRole,
  parseDatabase,
  parseExtensions,
  parseMigrationUser,
  parsePullRequest,
  parseRole,
  rejectWithoutPullRequest,
} from './parse-database.ts';
import { parseDriftIssue, parseDriftReportPaths } from './parse-drift.ts';
import { parseMigration, parsePublish } from './parse-publish.ts';
import { parseFirewall, parseServer } from './parse-server.ts';

/**
 * Inputs → Config, the step's own before those of its config-file. Names every fault of every input at once; where the
 * file cannot be read at all only that, for nobody knows what it would have said.
 * @returns the frozen configuration, or the list of faults, a sentence each
 */
export function parseConfig(
  getRawInput: GetRawInput,
  context: ParseContext,
): Config | { readonly errors: readonly string[] } {
  const { configFile } = context;
  if (configFile?.isUnreadable) return { errors: configFile.errors };
  const inputs = new InputReader(getRawInput, context);
  const config = parseForMode(inputs, context);
  const errors = [...(configFile?.errors ?? []), ...inputs.errors];
  return errors.length > 0 || config === undefined ? { errors } : deepFreeze(config);
}

/** Frozen with all that is in it; maps have no frozen form, and are typed as read-only. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

function parseForMode(inputs: InputReader, context: ParseContext): Config | undefined {
  const mode = inputs.choice('mode', inputSchema.mode.choices) ?? 'ensure';
  // Read here for their spelling: what the one means, readConfig has looked at before; the other is mode check's.
  inputs.boolean('skip-without-credentials');
  inputs.boolean('drift-issue');
  if (mode !== 'check') rejectDisabledPasswordAuth(inputs, mode);
  const { event = NO_EVENT } = context;
  switch (mode) {
    case 'ensure':
      return parseEnsure(inputs, context, event);
    case 'check':
      return parseCheck(inputs, context, event);
    case 'drop':
      return parseDrop(inputs, event);
    case 'sweep':
      return parseSweep(inputs, event);
  }
}

function parseEnsure(inputs: InputReader, context: ParseContext, event: WorkflowEvent): EnsureConfig {
  const administrator = parseAdministrator(inputs);
  const pullRequest = inputs.boolean('per-pull-request') ? parsePullRequest(inputs, event) : undefined;
  const name = inputs.required('database', 'the database to ensure');
  rejectDryRun(inputs);
  rejectWithoutPullRequest(inputs);
  const database = parseDatabase(inputs, name, pullRequest);
  const appRole = parseAppRole(inputs, { administrator, pullRequest, database, event });
  return {
    mode: 'ensure',
    ...parseCommon(inputs),
    administrator,
    pullRequest,
    database,
    appRole,
    extensions: parseExtensions(inputs),
    publish: parsePublish(inputs),
    migration: parseMigration(inputs, context, parseMigrationUser(inputs)),
    comment: inputs.boolean('comment') ?? false,
    onDrift: inputs.choice('on-drift', ['warn', 'fix'] as const) ?? 'warn',
    repository: event.repository,
    driftReportPaths: parseDriftReportPaths(inputs),
    configSource: findConfigSource(inputs, context),
  };
}

function parseCheck(inputs: InputReader, context: ParseContext, event: WorkflowEvent): CheckConfig {
  const username = inputs.text('admin-username');
  const password = inputs.secret('admin-password');
  const pullRequest = inputs.boolean('per-pull-request') ? parsePullRequest(inputs, event) : undefined;
  const name = inputs.text('database');
  const administrator = username && password ? { username, password } : undefined;
  rejectDryRun(inputs);
  rejectWithoutPullRequest(inputs);
  const database = name === undefined ? undefined : parseDatabase(inputs, name, pullRequest);
  return {
    mode: 'check',
    ...parseCommon(inputs),
    administrator,
    pullRequest,
    database,
    appRole: database && parseRole(inputs, { administrator, pullRequest, database, event }),
    extensions: parseExtensions(inputs),
    onDrift: inputs.choice('on-drift', ['warn', 'fail'] as const) ?? 'fail',
    driftReportPaths: parseDriftReportPaths(inputs),
    driftIssue: parseDriftIssue(inputs, event),
    repository: event.repository,
    configSource: findConfigSource(inputs, context),
  };
}

/** Where the file says what counts: an input that the step gives too is not the file's. */
function findConfigSource(inputs: InputReader, { configFile }: ParseContext): ConfigFileSource | undefined {
  const path = inputs.text('config-file');
  if (path === undefined || configFile === undefined) return undefined;
  const lines = [...configFile.lines].filter(([name]) => inputs.isFromFile(name.replace(/\..*$/s, '')));
  return { path, lines: new Map(lines) };
}

function parseDrop(inputs: InputReader, event: WorkflowEvent): DropConfig {
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
    appRole: parseRole(inputs, { administrator, pullRequest, database, event }),
    comment: inputs.boolean('comment') ?? false,
    dryRun: inputs.boolean('dry-run') ?? false,
  };
}

function parseSweep(inputs: InputReader, { repository }: WorkflowEvent): SweepConfig {
  if (repository.id === '') inputs.addError(REPOSITORY_REQUIRED);
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
function rejectDisabledPasswordAuth(inputs: InputReader, mode: Config['mode']): void {
  if (inputs.enabledOrDisabled('password-auth') === false)
    inputs.addError(
      `password-auth is Disabled, but mode ${mode} logs in by admin-password: only mode check can declare it`,
    );
}

const REPOSITORY_REQUIRED =
  'mode sweep needs to know the repository, but GITHUB_REPOSITORY_ID is not set: run it in a workflow';

function rejectDryRun(inputs: InputReader): void {
  if (inputs.boolean('dry-run'))
    inputs.addError('dry-run is for mode drop and sweep; mode check shows what ensure would find');
}

function parseAdministrator(inputs: InputReader): Credentials {
  const username = inputs.required('admin-username', 'the login of the server’s administrator');
  inputs.validate('admin-username', username, validators.validateAdministratorLogin);
  const password = inputs.secret('admin-password');
  if (password === undefined)
    inputs.addError('admin-password is missing: put it into a secret and pass ${{ secrets.… }}');
  return { username, password: password ?? '' };
}

function parseCommon(inputs: InputReader) {
  return {
    cloud: inputs.choice('azure-environment', inputSchema['azure-environment'].choices) ?? 'AzureCloud',
    signIn: parseSignIn(inputs),
    server: parseServer(inputs),
    firewall: parseFirewall(inputs),
    startIfStopped: inputs.boolean('start-if-stopped') ?? true,
    gitHubToken: parseGitHubToken(inputs),
    timeoutMs: (inputs.number('timeout-minutes', inputSchema['timeout-minutes']) ?? 30) * 60_000,
  };
}

/** Without the line break that a pasted one may have; what is within it would break the request's header. */
function parseGitHubToken(inputs: InputReader): string | undefined {
  const token = inputs.secret('github-token')?.trim() || undefined;
  inputs.validate('github-token', token, (given) =>
    /[^\0!-~]/.test(given) ? 'contains white space or other characters that no token has' : undefined,
  );
  return token;
}

function parseSignIn(inputs: InputReader): SignInConfig {
  const clientId = inputs.textOrEnv('client-id', 'AZURE_CLIENT_ID');
  const tenantId = inputs.textOrEnv('tenant-id', 'AZURE_TENANT_ID');
  const subscriptionId = inputs.textOrEnv('subscription-id', 'AZURE_SUBSCRIPTION_ID');
  const clientSecret = inputs.secret('client-secret', 'AZURE_CLIENT_SECRET');
  if (subscriptionId === undefined) {
    inputs.addMissingError('subscription-id', 'give the input or the variable AZURE_SUBSCRIPTION_ID');
  }
  for (const [name, value] of Object.entries({
    'client-id': clientId,
    'tenant-id': tenantId,
    'subscription-id': subscriptionId,
  })) {
    inputs.validate(name, value, validators.validateGuid);
  }
  inputs.validate('client-secret', clientSecret, validateSecretEnds);
  if (clientSecret !== undefined && (clientId === undefined || tenantId === undefined)) {
    inputs.addError('client-secret needs client-id and tenant-id as well');
  }
  return { clientId, tenantId, subscriptionId: subscriptionId ?? '', clientSecret };
}

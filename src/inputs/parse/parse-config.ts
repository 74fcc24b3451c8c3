import { type GetRawInput, InputReader, type ParseContext } from '../input-reader.ts';
import { inputSchema } from '../schema.ts';
import type {
  CheckConfig,
  Config,
  ConfigFileSource,
  Credentials,
  DropConfig,
  EnsureConfig,
  PublishConfig,
  SignInConfig,
  SweepConfig,
} from '../types.ts';
import { validateAdministratorLogin, validateSecretEnds } from '../validators.ts';
import { NO_EVENT, type WorkflowEvent } from '../workflow-event.ts';
import { parseDatabase, parseExtensions } from './parse-database.ts';
import { parseFirewall } from './parse-firewall.ts';
import { parseMigration } from './parse-migration.ts';
import { parsePullRequest, rejectWithoutPullRequest } from './parse-pull-request.ts';
import { parseAdoptObjects, parseAppRole, parseRole } from './parse-role.ts';
import { parseServer } from './parse-server.ts';

/**
 * Parses the inputs of the step and of its config-file. An unreadable config-file is the only error then, because it could
 * set any input.
 * @returns the frozen configuration, or every error of every input, a sentence each
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
  return errors.length > 0 ? { errors } : deepFreeze(config);
}

/** Freezes a value with all that it contains, except the content of maps. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

function parseForMode(inputs: InputReader, context: ParseContext): Config {
  const { event = NO_EVENT } = context;
  const mode = inputs.get('mode') ?? 'ensure';
  // Only validated here: readConfig uses the first one before it parses the inputs, and one mode alone uses each other.
  inputs.get('skip-without-credentials');
  inputs.get('drift-issue');
  inputs.get('kept-rules-older-than');
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
  const pullRequest = inputs.get('per-pull-request') ? parsePullRequest(inputs, event) : undefined;
  const name = inputs.required('database', 'the database to ensure');
  rejectDryRun(inputs, 'ensure');
  const step = { mode: 'ensure', event } as const;
  rejectWithoutPullRequest(inputs, step);
  const database = parseDatabase(inputs, name, pullRequest, step);
  return {
    mode: 'ensure',
    ...parseCommon(inputs, 'ensure'),
    administrator,
    pullRequest,
    database,
    appRole: parseAppRole(inputs, { administrator, pullRequest, database, event }),
    adoptObjects: parseAdoptObjects(inputs),
    extensions: parseExtensions(inputs),
    publish: parsePublish(inputs),
    migration: parseMigration(inputs, context),
    comment: pullRequest !== undefined && (inputs.get('comment') ?? false),
    onDrift: parseOnDrift(inputs, 'ensure', 'fix') ?? 'warn',
    repository: event.repository,
    driftReportPaths: parseDriftReportPaths(inputs),
    configSource: findConfigSource(inputs, context),
  };
}

function parseCheck(inputs: InputReader, context: ParseContext, event: WorkflowEvent): CheckConfig {
  const username = inputs.get('admin-username');
  const password = inputs.secret('admin-password');
  const pullRequest = inputs.get('per-pull-request') ? parsePullRequest(inputs, event) : undefined;
  const administrator = username && password ? { username, password } : undefined;
  rejectDryRun(inputs, 'check');
  const step = { mode: 'check', event } as const;
  rejectWithoutPullRequest(inputs, step);
  const database = inputs.isSet('database')
    ? parseDatabase(inputs, inputs.get('database') ?? '', pullRequest, step)
    : undefined;
  return {
    mode: 'check',
    ...parseCommon(inputs, 'check'),
    administrator,
    pullRequest,
    database,
    appRole: database && parseRole(inputs, { administrator, pullRequest, database, event }),
    adoptObjects: parseAdoptObjects(inputs),
    extensions: parseExtensions(inputs),
    onDrift: parseOnDrift(inputs, 'check', 'fail') ?? 'fail',
    driftReportPaths: parseDriftReportPaths(inputs),
    driftIssue: parseDriftIssue(inputs, event),
    repository: event.repository,
    configSource: findConfigSource(inputs, context),
  };
}

function parseDrop(inputs: InputReader, event: WorkflowEvent): DropConfig {
  const administrator = parseAdministrator(inputs);
  // Implied by the mode, so it is only validated.
  inputs.get('per-pull-request');
  const pullRequest = parsePullRequest(inputs, event);
  const name = inputs.required(
    'database',
    "the base of the pull request's database, as given when it was ensured",
  );
  const database = parseDatabase(inputs, name, pullRequest, { mode: 'drop', event });
  return {
    mode: 'drop',
    ...parseCommon(inputs, 'drop'),
    administrator,
    pullRequest,
    database,
    appRole: parseRole(inputs, { administrator, pullRequest, database, event }),
    comment: inputs.get('comment') ?? false,
    dryRun: inputs.get('dry-run') ?? false,
  };
}

function parseSweep(inputs: InputReader, { repository }: WorkflowEvent): SweepConfig {
  if (repository.id === '')
    inputs.addError(
      'mode sweep needs to know the repository, but GITHUB_REPOSITORY_ID is not set: run it in a workflow',
    );
  return {
    mode: 'sweep',
    ...parseCommon(inputs, 'sweep'),
    administrator: parseAdministrator(inputs),
    repository,
    keptRulesOlderThanMs: inputs.get('kept-rules-older-than'),
    comment: inputs.get('comment') ?? false,
    dryRun: inputs.get('dry-run') ?? false,
  };
}

function parseCommon(inputs: InputReader, mode: Config['mode']) {
  return {
    cloud: inputs.get('azure-environment') ?? 'AzureCloud',
    signIn: parseSignIn(inputs),
    server: parseServer(inputs, mode),
    firewall: parseFirewall(inputs, mode),
    startIfStopped: inputs.get('start-if-stopped') ?? true,
    gitHubToken: parseGitHubToken(inputs),
    timeoutMs: (inputs.get('timeout-minutes') ?? 30) * 60_000,
  };
}

function parseSignIn(inputs: InputReader): SignInConfig {
  const clientId = inputs.getOrEnv('client-id', 'AZURE_CLIENT_ID');
  const tenantId = inputs.getOrEnv('tenant-id', 'AZURE_TENANT_ID');
  const subscriptionId = inputs.getOrEnv('subscription-id', 'AZURE_SUBSCRIPTION_ID');
  const clientSecret = inputs.secret('client-secret', 'AZURE_CLIENT_SECRET');
  if (subscriptionId === undefined) {
    // Not errors of their own, because a managed identity and the az CLI need neither.
    const unset = [!clientId && 'client-id', !tenantId && 'tenant-id'].filter(Boolean).join(' and ');
    const others = unset === '' ? '' : `. OpenID Connect also needs ${unset}`;
    inputs.addMissingError(
      'subscription-id',
      `set it, usually to \${{ vars.AZURE_SUBSCRIPTION_ID }}, or set the environment variable AZURE_SUBSCRIPTION_ID of the job${others}`,
    );
  }
  inputs.validate('client-secret', clientSecret, validateSecretEnds);
  if (clientSecret !== undefined && (clientId === undefined || tenantId === undefined))
    inputs.addError('client-secret needs client-id and tenant-id as well');
  return { clientId, tenantId, subscriptionId: subscriptionId ?? '', clientSecret };
}

function parseAdministrator(inputs: InputReader): Credentials {
  const username = inputs.required('admin-username', 'the login of the server’s administrator');
  inputs.validate('admin-username', username, validateAdministratorLogin);
  const password = inputs.secret('admin-password');
  if (password === undefined)
    inputs.addMissingError('admin-password', 'put it into a secret and pass ${{ secrets.… }}');
  return { username, password: password ?? '' };
}

/** Trimmed, because a pasted token may end with a line break. White space inside it would break the request header. */
function parseGitHubToken(inputs: InputReader): string | undefined {
  const token = inputs.secret('github-token')?.trim() || undefined;
  inputs.validate('github-token', token, (given) =>
    /[^\0!-~]/.test(given) ? 'contains white space or other characters that no token has' : undefined,
  );
  return token;
}

function parsePublish(inputs: InputReader): PublishConfig {
  const formats = inputs.get('formats');
  return {
    exportEnv: inputs.get('export-env') ?? true,
    envPrefix: inputs.get('env-prefix') ?? 'DB_',
    envFile: inputs.get('env-file'),
    formats:
      formats.length === 0
        ? ['url']
        : inputSchema.formats.choices.filter((format) => formats.includes(format)),
    sslMode: inputs.get('ssl-mode') ?? 'require',
  };
}

/** Of a config-file that other modes share, `check` ignores it: that mode writes nothing. */
function rejectDryRun(inputs: InputReader, mode: 'ensure' | 'check'): void {
  if (!inputs.get('dry-run') || (mode === 'check' && inputs.isFromFile('dry-run'))) return;
  const reason = mode === 'ensure' ? ', and mode ensure would change what it finds' : '';
  inputs.addError(`dry-run is for mode drop and sweep${reason}; mode check shows what ensure would find`);
}

/**
 * The value of `on-drift` for this mode. Beside it, there can be a value for the other mode. That one alone is a mistake in
 * a step, and in a config-file a declaration for other steps.
 * @param ownValue the value that only this mode accepts
 */
function parseOnDrift<V extends 'fix' | 'fail'>(
  inputs: InputReader,
  mode: 'ensure' | 'check',
  ownValue: V,
): V | 'warn' | undefined {
  const given = new Set(inputs.get('on-drift'));
  if (given.size > 2)
    inputs.addError(
      'on-drift has the three values warn, fix and fail, but there are only two modes to take one: remove one of them',
    );
  if (given.has(ownValue)) return ownValue;
  if (given.has('warn')) return 'warn';
  const [other] = given;
  if ((other === 'fix' || other === 'fail') && !inputs.isFromFile('on-drift'))
    inputs.addError(
      `on-drift is '${other}', which is for mode ${mode === 'check' ? 'ensure' : 'check'}, but mode ${mode} takes one of: warn, ${ownValue}`,
    );
  return undefined;
}

/** Paths of the drift reports, as given. */
function parseDriftReportPaths(inputs: InputReader): readonly string[] {
  const paths = inputs.get('drift-report');
  const normalized = paths.map((path) => path.replace(/^(\.\/)+/, ''));
  const duplicate = normalized.find((path, i) => normalized.indexOf(path) !== i);
  if (duplicate !== undefined)
    inputs.addError(`drift-report names '${duplicate}' twice: one file can contain one report`);
  return paths;
}

/** Whether an issue reports the drift. It needs a repository. */
function parseDriftIssue(inputs: InputReader, { repository }: WorkflowEvent): boolean {
  const isEnabled = inputs.get('drift-issue') ?? false;
  if (isEnabled && repository.name === '')
    inputs.addError(
      'drift-issue needs to know the repository, but GITHUB_REPOSITORY is not set: run it in a workflow',
    );
  return isEnabled;
}

/** The config-file with the lines of the inputs that it sets and the step does not override. */
function findConfigSource(inputs: InputReader, { configFile }: ParseContext): ConfigFileSource | undefined {
  if (!inputs.isSet('config-file') || configFile === undefined) return undefined;
  const lines = [...configFile.lines].filter(([name]) => inputs.isFromFile(name.replace(/\..*$/s, '')));
  return { path: configFile.path, lines: new Map(lines) };
}

/**
 * Warns about secrets that are valid but probably contain a mistake: white space at an end. An administrator's password
 * that ends with a line break is among them, because only the creation of a server can reject it.
 * @returns a sentence for each, without the secret
 */
export function findSecretWarnings(config: Config): readonly string[] {
  const secret = config.mode === 'ensure' ? config.appRole?.secret : undefined;
  const secrets = {
    'client-secret': config.signIn.clientSecret,
    'admin-password': config.administrator?.password,
    'app-password': secret !== undefined && 'password' in secret ? secret.password : undefined,
  };
  return Object.entries(secrets)
    .filter(([, text = '']) => text !== text.trim())
    .map(
      ([name]) =>
        `${name} begins or ends with white space, which is a part of it. If that is a mistake, set the secret again without it.`,
    );
}

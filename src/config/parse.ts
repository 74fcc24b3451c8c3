import type {
  CheckConfig,
  CloudName,
  Config,
  Credentials,
  DropConfig,
  EnsureConfig,
  SignInConfig,
  SweepConfig,
} from './config.ts';
import { noEvent, type WorkflowEvent } from './event.ts';
import { Inputs, type RawInput, type Surroundings } from './inputs.ts';
import {
  parseApplication,
  parseDatabase,
  parseExtensions,
  parseMigrateAs,
  parsePullRequest,
  parseRole,
  refuseWithoutPullRequest,
} from './parse-data-plane.ts';
import { parseMigration, parsePublish } from './parse-publish.ts';
import { parseFirewall, parseServer } from './parse-server.ts';
import * as rules from './rules.ts';

/** Inputs of the contract that this version does not act on: taking them silently could hide what a person relies on. */
const laterInputs = ['drift-issue', 'drift-report', 'config-file'] as const;

/**
 * Inputs → Config. Names every fault of every input at once.
 * @returns the frozen configuration, or the list of faults, a sentence each
 */
export function parseConfig(
  raw: RawInput,
  surroundings: Surroundings,
): Config | { readonly faults: readonly string[] } {
  const inputs = new Inputs(raw, surroundings.env);
  const config = parseMode(inputs, surroundings);
  return inputs.faults.length > 0 || config === undefined ? { faults: inputs.faults } : frozen(config);
}

/** Frozen with all that is in it; maps have no frozen form, and are typed as read-only. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

function parseMode(inputs: Inputs, surroundings: Surroundings): Config | undefined {
  const mode = inputs.choice('mode', ['ensure', 'check', 'drop', 'sweep'] as const) ?? 'ensure';
  for (const name of laterInputs) {
    const given = inputs.text(name);
    if (given !== undefined && given.toLowerCase() !== 'false')
      inputs.fault(`${name} is not available in this version`);
  }
  // Read here for its spelling; what it means, readConfig has looked at before.
  inputs.boolean('skip-without-credentials');
  const { event = noEvent } = surroundings;
  switch (mode) {
    case 'ensure':
      return parseEnsure(inputs, surroundings, event);
    case 'check':
      return parseCheck(inputs, event);
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
  };
}

function parseCheck(inputs: Inputs, event: WorkflowEvent): CheckConfig {
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
  };
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
  const clouds: readonly CloudName[] = ['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'];
  return {
    cloud: inputs.choice('azure-environment', clouds) ?? 'AzureCloud',
    signIn: parseSignIn(inputs),
    server: parseServer(inputs),
    firewall: parseFirewall(inputs),
    startIfStopped: inputs.boolean('start-if-stopped') ?? true,
    gitHubToken: inputs.secret('github-token')?.trim() || undefined,
    timeout: (inputs.number('timeout-minutes', 0.05, 360, true) ?? 30) * 60_000,
  };
}

function parseSignIn(inputs: Inputs): SignInConfig {
  const clientId = inputs.textOrEnv('client-id', 'AZURE_CLIENT_ID');
  const tenantId = inputs.textOrEnv('tenant-id', 'AZURE_TENANT_ID');
  const subscriptionId = inputs.textOrEnv('subscription-id', 'AZURE_SUBSCRIPTION_ID');
  const clientSecret = inputs.secret('client-secret', 'AZURE_CLIENT_SECRET');
  if (subscriptionId === undefined) {
    inputs.fault('subscription-id is missing: give the input or the variable AZURE_SUBSCRIPTION_ID');
  }
  for (const [name, value] of Object.entries({
    'client-id': clientId,
    'tenant-id': tenantId,
    'subscription-id': subscriptionId,
  })) {
    inputs.check(name, value, rules.guid);
  }
  if (clientSecret !== undefined && (clientId === undefined || tenantId === undefined)) {
    inputs.fault('client-secret needs client-id and tenant-id as well');
  }
  return { clientId, tenantId, subscriptionId: subscriptionId ?? '', clientSecret };
}

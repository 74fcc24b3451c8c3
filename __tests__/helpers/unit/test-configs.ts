import type { FoundServer } from '../../../src/azure/reader.ts';
import { parseConfigFile } from '../../../src/inputs/config-file/parse-config-file.ts';
import { parseConfig } from '../../../src/inputs/parse/parse-config.ts';
import type {
  CheckConfig,
  Config,
  DropConfig,
  EnsureConfig,
  SweepConfig,
} from '../../../src/inputs/types.ts';
import type { EventPullRequest, WorkflowEvent } from '../../../src/inputs/workflow-event.ts';

export type InputValues = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string | undefined>>;

export const exampleGuid = '6f1c2a34-0b7e-4d1a-9c55-0123456789ab';

/** The values of Microsoft's tutorial. */
export const defaultInputs: InputValues = {
  'subscription-id': exampleGuid,
  'server-name': 'demo-relecloud',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  database: 'relecloud',
};

/** A folder that does not exist; all others do. */
export const missingDirectory = 'nowhere';

export const repository = { id: '123456789', name: 'relecloud/tours' };

/** The event of a push. */
export const pushEvent: WorkflowEvent = { name: 'push', repository, actor: 'ada', pullRequest: undefined };

/** The event of a pull request from a branch of this repository. */
export const pullRequestEvent = (
  number = 42,
  more: Partial<EventPullRequest> & { readonly name?: string; readonly actor?: string } = {},
): WorkflowEvent => {
  const { name = 'pull_request', actor = 'ada', ...rest } = more;
  return { name, repository, actor, pullRequest: { number, state: 'open', fromFork: false, ...rest } };
};

/** A key of 32 bytes, as `openssl rand -base64 32` generates one. */
export const exampleKey = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';

/** Inputs for the database of a pull request with an application role. */
export const perPullRequestInputs: InputValues = {
  'per-pull-request': 'true',
  'app-username': 'relecloud_app',
  'app-password-key': exampleKey,
};

/** Parses only the given inputs. */
export function parseInputs(
  inputs: InputValues,
  env: Environment = {},
  event?: WorkflowEvent,
): ReturnType<typeof parseConfig> {
  const parseContext = { env, isDirectory: (path: string) => path !== missingDirectory };
  return parseConfig(
    (name) => inputs[name] ?? '',
    event === undefined ? parseContext : { ...parseContext, event },
  );
}

/** The errors of the default inputs with the given ones; empty if they are valid. */
export function inputErrorsOf(
  inputs: InputValues,
  env: Environment = {},
  event?: WorkflowEvent,
): readonly string[] {
  const parsed = parseInputs({ ...defaultInputs, ...inputs }, env, event);
  return 'errors' in parsed ? parsed.errors : [];
}

/** The configuration of the default inputs with the given ones. */
export function parsedConfig(inputs: InputValues = {}, env: Environment = {}, event?: WorkflowEvent): Config {
  const parsed = parseInputs({ ...defaultInputs, ...inputs }, env, event);
  if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
  return parsed;
}

export const ensureConfig = (
  given: InputValues = {},
  env: Environment = {},
  event?: WorkflowEvent,
): EnsureConfig => expectMode('ensure', parsedConfig(given, env, event));

export const checkConfig = (given: InputValues = {}, event?: WorkflowEvent): CheckConfig =>
  expectMode('check', parsedConfig({ ...given, mode: 'check' }, {}, event));

export const dropConfig = (given: InputValues = {}, event: WorkflowEvent = pullRequestEvent()): DropConfig =>
  expectMode('drop', parsedConfig({ ...given, mode: 'drop' }, {}, event));

export const sweepConfig = (given: InputValues = {}, event: WorkflowEvent = pushEvent): SweepConfig =>
  expectMode('sweep', parsedConfig({ ...given, mode: 'sweep' }, {}, event));

/** The configuration of `mode: ensure` for a pull request. */
export const pullRequestConfig = (given: InputValues = {}, number = 42): EnsureConfig =>
  ensureConfig({ ...perPullRequestInputs, ...given }, {}, pullRequestEvent(number));

/** The path of the config-file in {@link parseWithConfigFile}. */
export const configFilePath = 'examples/postgres.yml';

/** Parses a config-file together with a step that sets `config-file` and the default password. */
export function parseWithConfigFile(
  text: string,
  step: InputValues = {},
  event: WorkflowEvent = pushEvent,
): ReturnType<typeof parseConfig> {
  const inputs: InputValues = {
    'admin-password': defaultInputs['admin-password'] ?? '',
    'config-file': configFilePath,
    ...step,
  };
  return parseConfig((name) => inputs[name] ?? '', {
    env: {},
    isDirectory: (path) => path !== missingDirectory,
    event,
    configFile: parseConfigFile(configFilePath, text),
  });
}

function expectMode<M extends Config['mode']>(
  mode: M,
  config: Config,
): Extract<Config, { readonly mode: M }> {
  if (config.mode !== mode) throw new Error(`mode is ${config.mode}`);
  return config as Extract<Config, { readonly mode: M }>;
}

/** A server as the SDK returns it. */
export const exampleServer: FoundServer['server'] = {
  id: '/subscriptions/x',
  location: 'West Europe',
  fullyQualifiedDomainName: 'demo.postgres.database.azure.com',
  version: '17',
  minorVersion: '6',
  state: 'Ready',
  sku: { name: 'Standard_B1ms', tier: 'Burstable' },
  storage: { storageSizeGB: 32 },
  tags: {},
};

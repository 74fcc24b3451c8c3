import type {
  CheckConfig,
  Config,
  DropConfig,
  EnsureConfig,
  SweepConfig,
} from '../../../src/config/config.ts';
import { interpretConfigFile } from '../../../src/config/config-file.ts';
import type { EventPullRequest, WorkflowEvent } from '../../../src/config/event.ts';
import { parseConfig } from '../../../src/config/parse.ts';

export type Given = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string | undefined>>;

export const someGuid = '6f1c2a34-0b7e-4d1a-9c55-0123456789ab';

/** The tutorial's own values. */
export const tutorial: Given = {
  'subscription-id': someGuid,
  'server-name': 'demo-relecloud',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  database: 'relecloud',
};

/** The one folder that is not there. */
export const noFolder = 'nowhere';

export const repository = { id: '123456789', name: 'relecloud/tours' };

/** What starts a workflow on a push. */
export const push: WorkflowEvent = { name: 'push', repository, actor: 'ada', pullRequest: undefined };

/** What starts a workflow on a pull request of a branch of this repository. */
export const pullRequestEvent = (
  number = 42,
  more: Partial<EventPullRequest> & { readonly name?: string; readonly actor?: string } = {},
): WorkflowEvent => {
  const { name = 'pull_request', actor = 'ada', ...rest } = more;
  return { name, repository, actor, pullRequest: { number, state: 'open', fromFork: false, ...rest } };
};

/** A key of 32 bytes, as `openssl rand -base64 32` makes one. */
export const someKey = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';

/** A pull request's database with an application role. */
export const perPullRequest: Given = {
  'per-pull-request': 'true',
  'app-username': 'relecloud_app',
  'app-password-key': someKey,
};

/** What parsing makes of the given inputs. */
export function parse(
  given: Given,
  env: Environment = {},
  event?: WorkflowEvent,
): ReturnType<typeof parseConfig> {
  const surroundings = { env, isDirectory: (path: string) => path !== noFolder };
  return parseConfig(
    (name) => given[name] ?? '',
    event === undefined ? surroundings : { ...surroundings, event },
  );
}

/** The faults of the tutorial's inputs with others laid over them; none where they are usable. */
export function faultsOf(given: Given, env: Environment = {}, event?: WorkflowEvent): readonly string[] {
  const parsed = parse({ ...tutorial, ...given }, env, event);
  return 'faults' in parsed ? parsed.faults : [];
}

/** The configuration of the tutorial's inputs with others laid over them. */
export function configOf(given: Given = {}, env: Environment = {}, event?: WorkflowEvent): Config {
  const parsed = parse({ ...tutorial, ...given }, env, event);
  if ('faults' in parsed) throw new Error(parsed.faults.join('\n'));
  return parsed;
}

export const ensureConfig = (given: Given = {}, env: Environment = {}, event?: WorkflowEvent): EnsureConfig =>
  ofMode('ensure', configOf(given, env, event));

export const checkConfig = (given: Given = {}, event?: WorkflowEvent): CheckConfig =>
  ofMode('check', configOf({ ...given, mode: 'check' }, {}, event));

export const dropConfig = (given: Given = {}, event: WorkflowEvent = pullRequestEvent()): DropConfig =>
  ofMode('drop', configOf({ ...given, mode: 'drop' }, {}, event));

export const sweepConfig = (given: Given = {}, event: WorkflowEvent = push): SweepConfig =>
  ofMode('sweep', configOf({ ...given, mode: 'sweep' }, {}, event));

/** What `mode: ensure` makes of the inputs on a pull request. */
export const pullRequestConfig = (given: Given = {}, number = 42): EnsureConfig =>
  ensureConfig({ ...perPullRequest, ...given }, {}, pullRequestEvent(number));

/** Where the file lies that tests give as a text. */
export const filePath = 'examples/postgres.yml';

/** What parsing makes of a config-file, given as its text, and of a step that gives the tutorial's secret and names it. */
export function parseWithFile(
  text: string,
  step: Given = {},
  event: WorkflowEvent = push,
): ReturnType<typeof parseConfig> {
  const given: Given = {
    'admin-password': tutorial['admin-password'] ?? '',
    'config-file': filePath,
    ...step,
  };
  return parseConfig((name) => given[name] ?? '', {
    env: {},
    isDirectory: (path) => path !== noFolder,
    event,
    configFile: interpretConfigFile(filePath, text),
  });
}

function ofMode<M extends Config['mode']>(mode: M, config: Config): Extract<Config, { readonly mode: M }> {
  if (config.mode !== mode) throw new Error(`mode is ${config.mode}`);
  return config as Extract<Config, { readonly mode: M }>;
}

import type { RoleMarker } from '../../common/ownership-marker.ts';
import { pullRequestName } from '../../common/resource-names.ts';
import type { InputReader } from '../input-reader.ts';
import { inputSchema } from '../schema.ts';
import { validateSecretEnds } from '../secret-checks.ts';
import type {
  AppRoleConfig,
  Credentials,
  DatabaseConfig,
  MigrationConfig,
  PullRequestConfig,
  RoleConfig,
} from '../types.ts';
import * as validators from '../validators.ts';
import type { WorkflowEvent } from '../workflow-event.ts';

/** What the role's name and mark depend on. */
interface RoleContext {
  readonly administrator: Credentials | undefined;
  readonly pullRequest: PullRequestConfig | undefined;
  readonly database: DatabaseConfig;
  readonly event: WorkflowEvent;
}

/** Stands where a fault has been told, so that the other inputs can be looked at too. */
const PLACEHOLDER_NUMBER = 1;

/** The pull request: the input's number, else the event's; never none, for that would mean the base database. */
export function parsePullRequest(inputs: InputReader, event: WorkflowEvent): PullRequestConfig {
  const given = inputs.number('pull-request-number', inputSchema['pull-request-number']);
  const number = given ?? event.pullRequest?.number;
  if (number === undefined && inputs.text('pull-request-number') === undefined) {
    inputs.addMissingError(
      'pull-request-number',
      `this ${event.name || 'event'} is no pull request's, so give the number`,
    );
  }
  if (event.repository.id === '')
    inputs.addError(
      'per-pull-request needs to know the repository, but GITHUB_REPOSITORY_ID is not set: run it in a workflow',
    );
  const state = number === event.pullRequest?.number ? event.pullRequest?.state : undefined;
  return { number: number ?? PLACEHOLDER_NUMBER, repository: event.repository, state };
}

/** Inputs that mean something for a pull request's database alone. */
export function rejectWithoutPullRequest(inputs: InputReader): void {
  const [reset, comment] = [inputs.boolean('reset'), inputs.boolean('comment')];
  // One that is misspelt may have meant true.
  if (inputs.boolean('per-pull-request') ?? inputs.text('per-pull-request') !== undefined) return;
  if (reset) inputs.addError('reset needs per-pull-request: true, for a base database is never dropped');
  if (inputs.text('expires-in') !== undefined)
    inputs.addError('expires-in needs per-pull-request: true, for a base database never expires');
  if (comment) inputs.addError('comment needs per-pull-request: true, for it is a pull request’s');
  if (inputs.text('pull-request-number') !== undefined)
    inputs.addError('pull-request-number needs per-pull-request: true, or the base database would be meant');
}

/** The database, called by the pull request's number where there is one. */
export function parseDatabase(
  inputs: InputReader,
  base: string,
  pullRequest: PullRequestConfig | undefined,
): DatabaseConfig {
  inputs.validate('database', base, validators.validateDatabaseName);
  const charset = inputs.text('charset');
  const collation = inputs.text('collation');
  inputs.validate('charset', charset, validators.validateCharset);
  inputs.validate('collation', collation, validators.validateCollation);
  const name = pullRequest === undefined ? base : pullRequestName(base, pullRequest.number);
  const template = inputs.text('template');
  inputs.validate('template', template, validators.validateTemplateName);
  if (template !== undefined && template === name)
    inputs.addError(`template is '${template}', the database itself`);
  return {
    name,
    base,
    charset,
    collation,
    template,
    marker: pullRequest && {
      kind: 'pull-request',
      repositoryId: pullRequest.repository.id,
      pullRequest: pullRequest.number,
      base,
    },
    reset: inputs.boolean('reset') ?? false,
    expiresInMs: inputs.duration('expires-in'),
  };
}

/** The application role without its password; undefined where none is asked for. */
export function parseRole(inputs: InputReader, context: RoleContext): RoleConfig | undefined {
  // Untrimmed in the middle as PostgreSQL takes it; white space around it is YAML's.
  const base = inputs.text('app-username');
  if (base === undefined) return undefined;
  inputs.validate('app-username', base, validators.validateRoleName);
  const { administrator, pullRequest, database } = context;
  const name = pullRequest === undefined ? base : pullRequestName(base, pullRequest.number);
  if (name === administrator?.username || base === administrator?.username)
    inputs.addError(
      'app-username is admin-username: the application role is to be another, with fewer rights',
    );
  return { name, base, marker: createRoleMarker(base, context, database.base) };
}

function createRoleMarker(base: string, { pullRequest, event }: RoleContext, database: string): RoleMarker {
  if (pullRequest === undefined)
    return { kind: 'base', repositoryId: event.repository.id || '0', base, database };
  const { number, repository } = pullRequest;
  return { kind: 'pull-request', repositoryId: repository.id, pullRequest: number, base, database };
}

/** The application role with its password, or the key from which that is derived: one of the two, never both. */
export function parseAppRole(inputs: InputReader, context: RoleContext): AppRoleConfig | undefined {
  const role = parseRole(inputs, context);
  const password = inputs.secret('app-password');
  const key = parsePasswordKey(inputs);
  const given = password !== undefined ? 'app-password' : key !== undefined ? 'app-password-key' : undefined;
  if (role === undefined) {
    if (given) inputs.addError(`${given} is given without app-username: name the role that it is for`);
    return undefined;
  }
  if (password !== undefined && key !== undefined)
    inputs.addError('app-password and app-password-key are both given: one of them is the password');
  if (given === undefined && inputs.secret('app-password-key') === undefined)
    inputs.addError(
      'app-password-key is missing: app-username needs it, or app-password (openssl rand -base64 32 makes a key; put it into a secret)',
    );
  inputs.validate('app-password', password, (value) =>
    value === context.administrator?.password
      ? 'is the administrator’s password: give the application role one of its own'
      : undefined,
  );
  // Whatever the role's password is now, the next run sets the one that is given, so this needs no exception.
  inputs.validate('app-password', password, validateSecretEnds);
  return { ...role, secret: password === undefined ? { key: key ?? '' } : { password } };
}

/** Bytes that a key needs at least (contract.md). */
const MIN_KEY_BYTES = 32;

/** Says nothing of the key itself. */
function parsePasswordKey(inputs: InputReader): string | undefined {
  const text = inputs.secret('app-password-key');
  if (text === undefined) return undefined;
  const hexDigits = toHexKey(text);
  if (hexDigits === undefined)
    return inputs.addError(
      'app-password-key is neither base64 nor hexadecimal: openssl rand -base64 32 makes one',
    );
  const bytes = hexDigits.length / 2;
  return bytes >= MIN_KEY_BYTES
    ? hexDigits
    : inputs.addError(`app-password-key has ${bytes} bytes, but needs ${MIN_KEY_BYTES} random ones at least`);
}

/** A key as hexadecimal digits, whichever of the two forms it was given in; undefined where it has neither. */
export function toHexKey(given: string): string | undefined {
  const text = given.replace(/\s/g, '');
  const isHex = /^[0-9a-f]+$/i.test(text);
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  // A character too many or too few would be another key, and show only as another password.
  const isComplete = isHex ? text.length % 2 === 0 : text.replace(/=+$/, '').length % 4 !== 1;
  if (!(isHex || isBase64) || !isComplete) return undefined;
  return Buffer.from(text, isHex ? 'hex' : 'base64').toString('hex');
}

/** Whose connection the migration gets. A pull request's code never runs as the administrator (design.md). */
export function parseMigrationUser(inputs: InputReader): MigrationConfig['runAs'] {
  const given = inputs.choice('migrate-as', inputSchema['migrate-as'].choices);
  const role = inputs.text('app-username');
  const isPerPullRequest = inputs.boolean('per-pull-request') ?? false;
  if (given === 'app' && role === undefined)
    inputs.addError('migrate-as is app, but there is no app-username');
  if (isPerPullRequest && given === 'admin')
    inputs.addError(
      'migrate-as is admin, which is refused with per-pull-request: a pull request’s code must not run as the administrator of the server',
    );
  if (isPerPullRequest && role === undefined && inputs.text('migration-command') !== undefined)
    inputs.addError(
      'migration-command needs app-username with per-pull-request: a pull request’s code must not run as the administrator of the server',
    );
  return given ?? (role === undefined ? 'admin' : 'app');
}

/** Extensions by their control files' names; ARM's list spells some in capitals. */
export function parseExtensions(inputs: InputReader): readonly string[] {
  const names = [...new Set(inputs.list('extensions').map((name) => name.toLowerCase()))];
  for (const name of names) inputs.validate('extensions', name, validators.validateExtensionName);
  const declared = inputs.pairs('server-parameters').get('azure.extensions')?.toLowerCase().split(',');
  const allowListed = declared && new Set(declared.map((entry) => entry.trim()));
  const missing = allowListed && names.filter((name) => !allowListed.has(name));
  if (missing && missing.length > 0)
    inputs.addError(
      `server-parameters: azure.extensions lacks ${missing.join(', ')}, which extensions asks for`,
    );
  return names;
}

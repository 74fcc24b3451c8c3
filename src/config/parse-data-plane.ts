import type {
  ApplicationConfig,
  Credentials,
  DatabaseConfig,
  MigrationConfig,
  PullRequestConfig,
  RoleConfig,
} from './config.ts';
import type { WorkflowEvent } from './event.ts';
import type { Inputs } from './inputs.ts';
import { kinds } from './kinds.ts';
import type { RoleMark } from './marks.ts';
import { pullRequestName } from './names.ts';
import * as rules from './rules.ts';
import { controlAtEnds } from './secret-ends.ts';

/** What the role's name and mark depend on. */
interface Around {
  readonly administrator: Credentials | undefined;
  readonly pullRequest: PullRequestConfig | undefined;
  readonly database: DatabaseConfig;
  readonly event: WorkflowEvent;
}

/** Stands where a fault has been told, so that the other inputs can be looked at too. */
const noNumber = 1;

/** The pull request: the input's number, else the event's; never none, for that would mean the base database. */
export function parsePullRequest(inputs: Inputs, event: WorkflowEvent): PullRequestConfig {
  const given = inputs.number('pull-request-number', kinds['pull-request-number']);
  const number = given ?? event.pullRequest?.number;
  if (number === undefined && inputs.text('pull-request-number') === undefined) {
    inputs.missing(
      'pull-request-number',
      `this ${event.name || 'event'} is no pull request's, so give the number`,
    );
  }
  if (event.repository.id === '')
    inputs.fault(
      'per-pull-request needs to know the repository, but GITHUB_REPOSITORY_ID is not set: run it in a workflow',
    );
  const state = number === event.pullRequest?.number ? event.pullRequest?.state : undefined;
  return { number: number ?? noNumber, repository: event.repository, state };
}

/** Inputs that mean something for a pull request's database alone. */
export function refuseWithoutPullRequest(inputs: Inputs): void {
  const [reset, comment] = [inputs.boolean('reset'), inputs.boolean('comment')];
  // One that is misspelt may have meant true.
  if (inputs.boolean('per-pull-request') ?? inputs.text('per-pull-request') !== undefined) return;
  if (reset) inputs.fault('reset needs per-pull-request: true, for a base database is never dropped');
  if (inputs.text('expires-in') !== undefined)
    inputs.fault('expires-in needs per-pull-request: true, for a base database never expires');
  if (comment) inputs.fault('comment needs per-pull-request: true, for it is a pull request’s');
  if (inputs.text('pull-request-number') !== undefined)
    inputs.fault('pull-request-number needs per-pull-request: true, or the base database would be meant');
}

/** The database, called by the pull request's number where there is one. */
export function parseDatabase(
  inputs: Inputs,
  base: string,
  pullRequest: PullRequestConfig | undefined,
): DatabaseConfig {
  inputs.check('database', base, rules.databaseName);
  const charset = inputs.text('charset');
  const collation = inputs.text('collation');
  inputs.check('charset', charset, rules.charset);
  inputs.check('collation', collation, rules.collation);
  const name = pullRequest === undefined ? base : pullRequestName(base, pullRequest.number);
  const template = inputs.text('template');
  inputs.check('template', template, rules.templateName);
  if (template !== undefined && template === name)
    inputs.fault(`template is '${template}', the database itself`);
  return {
    name,
    base,
    charset,
    collation,
    template,
    mark: pullRequest && {
      kind: 'pull-request',
      repositoryId: pullRequest.repository.id,
      pullRequest: pullRequest.number,
      base,
    },
    reset: inputs.boolean('reset') ?? false,
    expiresIn: inputs.span('expires-in'),
  };
}

/** The application role without its password; undefined where none is asked for. */
export function parseRole(inputs: Inputs, around: Around): RoleConfig | undefined {
  // Untrimmed in the middle as PostgreSQL takes it; white space around it is YAML's.
  const base = inputs.text('app-username');
  if (base === undefined) return undefined;
  inputs.check('app-username', base, rules.roleName);
  const { administrator, pullRequest, database } = around;
  const name = pullRequest === undefined ? base : pullRequestName(base, pullRequest.number);
  if (name === administrator?.username || base === administrator?.username)
    inputs.fault('app-username is admin-username: the application role is to be another, with fewer rights');
  return { name, base, mark: roleMark(base, around, database.base) };
}

function roleMark(base: string, { pullRequest, event }: Around, database: string): RoleMark {
  if (pullRequest === undefined)
    return { kind: 'base', repositoryId: event.repository.id || '0', base, database };
  const { number, repository } = pullRequest;
  return { kind: 'pull-request', repositoryId: repository.id, pullRequest: number, base, database };
}

/** The application role with its password, or the key from which that is derived: one of the two, never both. */
export function parseApplication(inputs: Inputs, around: Around): ApplicationConfig | undefined {
  const role = parseRole(inputs, around);
  const password = inputs.secret('app-password');
  const key = parseKey(inputs);
  const given = password !== undefined ? 'app-password' : key !== undefined ? 'app-password-key' : undefined;
  if (role === undefined) {
    if (given) inputs.fault(`${given} is given without app-username: name the role that it is for`);
    return undefined;
  }
  if (password !== undefined && key !== undefined)
    inputs.fault('app-password and app-password-key are both given: one of them is the password');
  if (given === undefined && inputs.secret('app-password-key') === undefined)
    inputs.fault(
      'app-password-key is missing: app-username needs it, or app-password (openssl rand -base64 32 makes a key; put it into a secret)',
    );
  inputs.check('app-password', password, (own) =>
    own === around.administrator?.password
      ? 'is the administrator’s password: give the application role one of its own'
      : undefined,
  );
  // Whatever the role's password is now, the next run sets the one that is given, so this needs no exception.
  inputs.check('app-password', password, controlAtEnds);
  return { ...role, secret: password === undefined ? { key: key ?? '' } : { password } };
}

/** Bytes that a key needs at least (contract.md). */
const keyBytes = 32;

/** Says nothing of the key itself. */
function parseKey(inputs: Inputs): string | undefined {
  const text = inputs.secret('app-password-key');
  if (text === undefined) return undefined;
  const digits = keyDigits(text);
  if (digits === undefined)
    return inputs.fault(
      'app-password-key is neither base64 nor hexadecimal: openssl rand -base64 32 makes one',
    );
  const bytes = digits.length / 2;
  return bytes >= keyBytes
    ? digits
    : inputs.fault(`app-password-key has ${bytes} bytes, but needs ${keyBytes} random ones at least`);
}

/** A key as hexadecimal digits, whichever of the two forms it was given in; undefined where it has neither. */
export function keyDigits(given: string): string | undefined {
  const text = given.replace(/\s/g, '');
  const hexadecimal = /^[0-9a-f]+$/i.test(text);
  const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  // A character too many or too few would be another key, and show only as another password.
  const whole = hexadecimal ? text.length % 2 === 0 : text.replace(/=+$/, '').length % 4 !== 1;
  if (!(hexadecimal || base64) || !whole) return undefined;
  return Buffer.from(text, hexadecimal ? 'hex' : 'base64').toString('hex');
}

/** Whose connection the migration gets. A pull request's code never runs as the administrator (design.md). */
export function parseMigrateAs(inputs: Inputs): MigrationConfig['as'] {
  const given = inputs.choice('migrate-as', kinds['migrate-as'].choices);
  const role = inputs.text('app-username');
  const ofPullRequest = inputs.boolean('per-pull-request') ?? false;
  if (given === 'app' && role === undefined) inputs.fault('migrate-as is app, but there is no app-username');
  if (ofPullRequest && given === 'admin')
    inputs.fault(
      'migrate-as is admin, which is refused with per-pull-request: a pull request’s code must not run as the administrator of the server',
    );
  if (ofPullRequest && role === undefined && inputs.text('migration-command') !== undefined)
    inputs.fault(
      'migration-command needs app-username with per-pull-request: a pull request’s code must not run as the administrator of the server',
    );
  return given ?? (role === undefined ? 'admin' : 'app');
}

/** Extensions by their control files' names; ARM's list spells some in capitals. */
export function parseExtensions(inputs: Inputs): readonly string[] {
  const names = [...new Set(inputs.list('extensions').map((name) => name.toLowerCase()))];
  for (const name of names) inputs.check('extensions', name, rules.extensionName);
  const declared = inputs.pairs('server-parameters').get('azure.extensions')?.toLowerCase().split(',');
  const listed = declared && new Set(declared.map((entry) => entry.trim()));
  const unlisted = listed && names.filter((name) => !listed.has(name));
  if (unlisted && unlisted.length > 0)
    inputs.fault(
      `server-parameters: azure.extensions lacks ${unlisted.join(', ')}, which extensions asks for`,
    );
  return names;
}

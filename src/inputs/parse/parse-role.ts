import type { RoleMarker } from '../../common/ownership-marker.ts';
import { pullRequestName } from '../../common/resource-names.ts';
import type { InputReader } from '../input-reader.ts';
import type { AppRoleConfig, Credentials, DatabaseConfig, PullRequestConfig, RoleConfig } from '../types.ts';
import { validateSecretEnds } from '../validators.ts';
import type { WorkflowEvent } from '../workflow-event.ts';

/** What the name and the ownership marker of the application role depend on. */
interface RoleContext {
  readonly administrator: Credentials | undefined;
  readonly pullRequest: PullRequestConfig | undefined;
  readonly database: DatabaseConfig;
  readonly event: WorkflowEvent;
}

/** The application role without its password; undefined without `app-username`. */
export function parseRole(inputs: InputReader, context: RoleContext): RoleConfig | undefined {
  if (!inputs.isSet('app-username')) return undefined;
  // Empty after an error, so that the other inputs are still checked.
  const base = inputs.get('app-username') ?? '';
  const { administrator, pullRequest, database } = context;
  const name = pullRequest === undefined ? base : pullRequestName(base, pullRequest.number);
  if (base !== '' && [name, base].includes(administrator?.username ?? ''))
    inputs.addError('app-username is admin-username: set another role with fewer rights');
  return { name, base, marker: createRoleMarker(base, context, database.base) };
}

function createRoleMarker(base: string, { pullRequest, event }: RoleContext, database: string): RoleMarker {
  if (pullRequest === undefined)
    return { kind: 'base', repositoryId: event.repository.id || '0', base, database };
  const { number, repository } = pullRequest;
  return { kind: 'pull-request', repositoryId: repository.id, pullRequest: number, base, database };
}

/** The application role with its password, or with the key that the password is derived from. */
export function parseAppRole(inputs: InputReader, context: RoleContext): AppRoleConfig | undefined {
  const role = parseRole(inputs, context);
  const password = inputs.secret('app-password');
  const key = parsePasswordKey(inputs);
  const given = password !== undefined ? 'app-password' : key !== undefined ? 'app-password-key' : undefined;
  if (role === undefined) {
    if (given) inputs.addError(`${given} is given without app-username: set the name of its role`);
    return undefined;
  }
  if (password !== undefined && key !== undefined)
    inputs.addError('app-password and app-password-key are both given: set only one of them');
  if (given === undefined && inputs.secret('app-password-key') === undefined)
    inputs.addMissingError(
      'app-password-key',
      'app-username needs it, or app-password (openssl rand -base64 32 generates a key; put it into a secret)',
    );
  if (password !== undefined && password === context.administrator?.password)
    inputs.addError(
      'app-password is the administrator’s password: choose another one for the application role',
    );
  inputs.validate('app-password', password, validateSecretEnds);
  return { ...role, secret: password === undefined ? { key: key ?? '' } : { password } };
}

/** Whether the role gets what the administrator owns in the database. */
export function parseAdoptObjects(inputs: InputReader): boolean {
  const isRequested = inputs.get('adopt-objects') ?? false;
  if (isRequested && !inputs.isSet('app-username'))
    inputs.addError('adopt-objects is true, but app-username is not set: set the role that gets the objects');
  return isRequested;
}

const MIN_KEY_BYTES = 32;

/** The key as hexadecimal digits. No error quotes the key. */
function parsePasswordKey(inputs: InputReader): string | undefined {
  const given = inputs.secret('app-password-key');
  if (given === undefined) return undefined;
  const hexDigits = toHexKey(given);
  if (hexDigits === undefined)
    return inputs.addError(
      'app-password-key is not base64 or hexadecimal: openssl rand -base64 32 generates one',
    );
  const bytes = hexDigits.length / 2;
  return bytes >= MIN_KEY_BYTES
    ? hexDigits
    : inputs.addError(
        `app-password-key has ${bytes} bytes, but needs at least ${MIN_KEY_BYTES} random bytes`,
      );
}

/** Converts a key in base64 or hexadecimal to hexadecimal digits; undefined if it is neither. */
export function toHexKey(given: string): string | undefined {
  const digits = given.replace(/\s/g, '');
  const isHex = /^[0-9a-f]+$/i.test(digits);
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(digits);
  // A missing or extra character would otherwise only show as another password.
  const isComplete = isHex ? digits.length % 2 === 0 : digits.replace(/=+$/, '').length % 4 !== 1;
  if (!(isHex || isBase64) || !isComplete) return undefined;
  return Buffer.from(digits, isHex ? 'hex' : 'base64').toString('hex');
}

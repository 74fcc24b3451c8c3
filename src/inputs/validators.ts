import { findCharset, isDatabaseCharset } from '../common/charsets.ts';
import { CREATION_TAG, isCreationTag } from '../common/creation-tag.ts';
import { lazyPattern } from '../common/lazy-pattern.ts';
import { MAX_IDENTIFIER_BYTES } from '../common/resource-names.ts';

/*
 * Checks what Azure and PostgreSQL accept, and is not stricter; see docs/azure-behavior.md#names-and-limits. Each
 * validator returns undefined for a valid value, otherwise a sentence to be read after the input's name.
 */

const RESERVED_LOGINS = [
  'azure_superuser',
  'azure_pg_admin',
  'admin',
  'administrator',
  'root',
  'guest',
  'public',
];

const RESERVED_ROLES = ['azuresu', 'azure_superuser', 'azure_pg_admin', 'public', 'none'];

const RESERVED_DATABASES = ['postgres', 'azure_maintenance', 'azure_sys', 'template0', 'template1'];

export function validateServerName(name: string): string | undefined {
  if (/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) return undefined;
  return `is '${name}', but a server name has 3 to 63 lower-case letters, digits and '-', and does not begin or end with '-'`;
}

const RESOURCE_GROUP_NAME = lazyPattern('^[\\p{L}\\p{N}_.()-]{1,90}$');

export function validateResourceGroupName(name: string): string | undefined {
  if (RESOURCE_GROUP_NAME().test(name) && !name.endsWith('.')) return undefined;
  return `is '${name}', but the name of a resource group has 1 to 90 letters, digits and '_-.()', and does not end with '.'`;
}

/** A region such as `westeurope` or `West Europe`. It becomes a part of a URL. */
export function validateRegion(name: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9 ()-]{0,63}$/.test(name)
    ? undefined
    : `is '${name}', which cannot be a region's name (an example is westeurope; az account list-locations -o table lists all)`;
}

export function validateGuid(text: string): string | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
    ? undefined
    : `is '${text}', which is not a GUID`;
}

/** Only the length and reserved names, because Azure accepts a login such as `relecloud_admin`. */
export function validateAdministratorLogin(login: string): string | undefined {
  if (login.length > 63) return 'is longer than 63 characters';
  if (RESERVED_LOGINS.includes(login.toLowerCase()) || login.toLowerCase().startsWith('pg_')) {
    return `is '${login}', which Azure reserves: choose another`;
  }
  return undefined;
}

/** The rules for the password of a new server. The message does not quote the password. */
export function validateNewAdministratorPassword(password: string, login: string): string | undefined {
  const classes = [/[A-Z]/, /[a-z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((c) => c.test(password)).length;
  const errors = [
    password.length < 8 || password.length > 128
      ? `has ${password.length} characters, but needs 8 to 128`
      : '',
    classes < 3 ? 'needs three of: upper-case letters, lower-case letters, digits, symbols' : '',
    login !== '' && password.toLowerCase().includes(login.toLowerCase())
      ? 'must not contain admin-username'
      : '',
    validateSecretEnds(password) ?? '',
  ].filter((error) => error !== '');
  return errors.length === 0 ? undefined : errors.join(', and ');
}

/**
 * Rejects a secret that begins or ends with a line break or another control character. Such a
 * character is a mistake: pasting a secret, or piping it from `echo`, can add one.
 */
export const validateSecretEnds = (secret: string): string | undefined =>
  /^[\p{Cc}\u2028\u2029]|[\p{Cc}\u2028\u2029]$/u.test(secret)
    ? 'begins or ends with a line break or another control character: set the secret again without it (printf adds none, echo does)'
    : undefined;

export function validateDatabaseName(name: string): string | undefined {
  if (!/^[a-zA-Z_][\w-]{0,62}$/.test(name)) {
    return `is '${name}', but a database name has 1 to 63 letters, digits, '_' and '-', and begins with a letter or '_'`;
  }
  return RESERVED_DATABASES.includes(name.toLowerCase())
    ? `is '${name}', which belongs to PostgreSQL or Azure: choose another`
    : undefined;
}

/** A database to clone. PostgreSQL's templates are allowed; `postgres` is not, because the action's session uses it. */
export function validateTemplateName(name: string): string | undefined {
  return ['template0', 'template1'].includes(name) ? undefined : validateDatabaseName(name);
}

/** Accepts every name that PostgreSQL knows, such as `UTF-8`; ARM knows fewer, but the action creates databases through SQL. */
export function validateCharset(text: string): string | undefined {
  const charset = findCharset(text);
  if (charset === undefined)
    return `is '${text}', which is no character set of PostgreSQL (examples are UTF8, LATIN1 and SQL_ASCII)`;
  return isDatabaseCharset(charset)
    ? undefined
    : `is '${text}', a character set that only a client can have: choose another for the database, such as UTF8`;
}

/** Less strict than ARM, like {@link validateCharset}: `en_US.UTF-8`, `de_DE@euro`. */
export function validateCollation(text: string): string | undefined {
  return /^[a-zA-Z-][\w. @-]*$/.test(text)
    ? undefined
    : `is '${text}', which cannot be the name of a collation, such as en_US.utf8`;
}

/** The name of an extension's control file, in any case. */
export function validateExtensionName(name: string): string | undefined {
  return /^[a-z0-9_][a-z0-9_-]{0,62}$/i.test(name)
    ? undefined
    : `has '${name}', which cannot be the name of an extension, such as pgcrypto`;
}

/** PostgreSQL accepts any characters except NUL; control characters are probably a mistake. */
export function validateRoleName(name: string): string | undefined {
  if (/\p{Cc}/u.test(name)) return 'contains control characters';
  if (Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES) return `is longer than ${MAX_IDENTIFIER_BYTES} bytes`;
  const lowerCaseName = name.toLowerCase();
  if (RESERVED_ROLES.includes(lowerCaseName) || lowerCaseName.startsWith('pg_'))
    return `is '${name}', which PostgreSQL or Azure reserves: choose another`;
  return undefined;
}

export function validateFirewallRuleName(name: string): string | undefined {
  if (/^[a-zA-Z0-9][-_a-zA-Z0-9]{1,78}[_a-zA-Z0-9]$/.test(name)) return undefined;
  return `names a rule '${name}', but a rule's name has 3 to 80 letters, digits, '-' and '_', begins with a letter or digit and does not end with '-'`;
}

/** The name of an environment variable, outside the prefixes that GitHub or Azure tools read. */
export function validateEnvPrefix(prefix: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(prefix)) {
    return `is '${prefix}', but has to begin with a letter or '_' and contain only letters, digits and '_'`;
  }
  const reservedPrefix = ['GITHUB_', 'RUNNER_', 'ACTIONS_', 'INPUT_', 'STATE_', 'AZURE_'].find((reserved) =>
    prefix.toUpperCase().startsWith(reserved),
  );
  return (
    reservedPrefix &&
    `is '${prefix}', but variables that begin with ${reservedPrefix} belong to GitHub or Azure`
  );
}

/** A path of a drift report, whose extension selects the format. */
export function validateReportPath(path: string): string | undefined {
  return /[^/\\]\.(json|sarif)$/i.test(path)
    ? undefined
    : `has '${path}', but the name of a report ends in .json or .sarif, which selects its format`;
}

/** The parameters' names become parts of URLs, where `..` would address the server itself. */
export function validateServerParameters(parameters: ReadonlyMap<string, string>): string | undefined {
  const names = [...parameters.keys()];
  const invalidNames = names.filter((name) => !/^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)*$/.test(name));
  return invalidNames.length === 0
    ? validateUniqueIgnoringCase(names)
    : `has '${invalidNames.join("', '")}', which cannot be a parameter's name (examples are work_mem and azure.extensions)`;
}

/** Tags that a resource can have. */
export const MAX_TAGS = 50;

export function validateTags(tags: ReadonlyMap<string, string>): string | undefined {
  if (tags.size > MAX_TAGS) return `has ${tags.size} tags, but a resource has ${MAX_TAGS} at most`;
  for (const [name, value] of tags) {
    if (isCreationTag(name)) return `has '${CREATION_TAG}', which the action uses: choose another name`;
    if (name.length > 512 || /[<>%&\\?/\p{Cc}]/u.test(name))
      return `has '${name}', but a tag's name has 512 characters at most, and none of < > % & \\ ? /`;
    if (value.length > 256)
      return `has a value of ${value.length} characters for '${name}', but a value has 256 at most`;
  }
  return validateUniqueIgnoringCase([...tags.keys()]);
}

/** Azure ignores the case of names, so only one of two values could be set. */
function validateUniqueIgnoringCase(names: readonly string[]): string | undefined {
  const spellings = new Map<string, string>();
  for (const name of names) {
    const other = spellings.get(name.toLowerCase());
    if (other !== undefined)
      return `has '${other}' and '${name}', which are one name to Azure, because it ignores the case`;
    spellings.set(name.toLowerCase(), name);
  }
  return undefined;
}

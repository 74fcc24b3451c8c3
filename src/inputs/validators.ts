import { MAX_IDENTIFIER_BYTES } from '../common/resource-names.ts';
import { CREATION_TAG, isCreationTag, MAX_TAGS } from './creation-tag.ts';
import { validateSecretEnds } from './secret-checks.ts';

/**
 * What Azure and PostgreSQL accept, no tighter (design.md). Each rule returns a sentence where a value breaks it,
 * to be read behind the input's name.
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

/** facts.md §4: 3–63, lower-case letters, digits and `-`, not at either end. */
export function validateServerName(name: string): string | undefined {
  if (/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) return undefined;
  return `is '${name}', but a server name has 3 to 63 lower-case letters, digits and '-', and neither begins nor ends with '-'`;
}

/** ARM's rule for resource groups: 1–90 of letters, digits, `_`, `-`, `.`, parentheses, not ending in a full stop. */
export function validateResourceGroupName(name: string): string | undefined {
  if (/^[\p{L}\p{N}_.()-]{1,90}$/u.test(name) && !name.endsWith('.')) return undefined;
  return `is '${name}', but a resource group's name has 1 to 90 letters, digits and '_-.()', and does not end with '.'`;
}

/** facts.md §4, [S]: 1–63 bytes, beginning with a letter or `_`. */
export function validateDatabaseName(name: string): string | undefined {
  if (!/^[a-zA-Z_][\w-]{0,62}$/.test(name)) {
    return `is '${name}', but a database name has 1 to 63 letters, digits, '_' and '-', and begins with a letter or '_'`;
  }
  return RESERVED_DATABASES.includes(name.toLowerCase())
    ? `is '${name}', which belongs to PostgreSQL or Azure: choose a name of your own`
    : undefined;
}

/** Of a database to clone: one that exists, so PostgreSQL's templates are allowed too. Our own session is in `postgres`. */
export function validateTemplateName(name: string): string | undefined {
  if (['template0', 'template1'].includes(name)) return undefined;
  return validateDatabaseName(name);
}

/** PostgreSQL's rules for roles, and Azure's reserved names: any characters but control characters, in 63 bytes. */
export function validateRoleName(name: string): string | undefined {
  if (/\p{Cc}/u.test(name)) return 'contains control characters';
  if (Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES) return `is longer than ${MAX_IDENTIFIER_BYTES} bytes`;
  const lower = name.toLowerCase();
  if (RESERVED_ROLES.includes(lower) || lower.startsWith('pg_'))
    return `is '${name}', which PostgreSQL or Azure reserves: choose another`;
  return undefined;
}

/** Names of control files: what PostgreSQL calls an extension. */
export function validateExtensionName(name: string): string | undefined {
  return /^[a-z0-9_][a-z0-9_-]{0,62}$/.test(name)
    ? undefined
    : `has '${name}', which is no extension's name, such as pgcrypto`;
}

/** As PostgreSQL spells them too (`UTF-8`), for databases are made through SQL; wider than ARM's own rule (facts.md §4). */
export function validateCharset(text: string): string | undefined {
  return /^[a-zA-Z][\w-]*$/.test(text)
    ? undefined
    : `is '${text}', which is no character set's name, such as UTF8`;
}

/** Wider than ARM's own rule likewise: `en_US.UTF-8`, `de_DE@euro`. */
export function validateCollation(text: string): string | undefined {
  return /^[a-zA-Z-][\w. @-]*$/.test(text)
    ? undefined
    : `is '${text}', which is no collation's name, such as en_US.utf8`;
}

/** facts.md §4: only length and reserved names, since Azure takes the tutorial's `relecloud_admin`. */
export function validateAdministratorLogin(login: string): string | undefined {
  if (login.length > 63) return 'is longer than 63 characters';
  if (RESERVED_LOGINS.includes(login.toLowerCase()) || login.toLowerCase().startsWith('pg_')) {
    return `is '${login}', which Azure reserves: choose another`;
  }
  return undefined;
}

/** facts.md §4, the portal's text: 8–128, three of four classes, without the login. Says nothing of the password itself. */
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

/** facts.md §4: a rule's name has 3–80 of letters, digits, `-`, `_`, begins with no symbol, ends with no `-`. */
export function validateFirewallRuleName(name: string): string | undefined {
  if (/^[a-zA-Z0-9][-_a-zA-Z0-9]{1,78}[_a-zA-Z0-9]$/.test(name)) return undefined;
  return `names a rule '${name}', but a rule's name has 3 to 80 letters, digits, '-' and '_', begins with a letter or digit and does not end with '-'`;
}

/** contract.md: `[A-Za-z_][A-Za-z0-9_]*` and none of the families that GitHub or Azure's tools read. */
export function validateEnvPrefix(prefix: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(prefix)) {
    return `is '${prefix}', but has to begin with a letter or '_' and hold only letters, digits and '_'`;
  }
  const reservedPrefix = ['GITHUB_', 'RUNNER_', 'ACTIONS_', 'INPUT_', 'STATE_', 'AZURE_'].find((f) =>
    prefix.toUpperCase().startsWith(f),
  );
  return (
    reservedPrefix &&
    `is '${prefix}', but variables that begin with ${reservedPrefix} belong to GitHub or Azure`
  );
}

/**
 * What PostgreSQL calls a parameter, with its class before a full stop for one of an extension (`azure.extensions`). The
 * name becomes a part of a URL, where `..` would stand for the server itself.
 */
export function validateParameterName(name: string): string | undefined {
  return /^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)*$/.test(name)
    ? undefined
    : `has '${name}', which cannot be a parameter's name (examples are work_mem and azure.extensions)`;
}

/** Azure Resource Manager's limits for tags: 50, names of 512 and values of 256 characters, and no `<>%&\?/` in a name. */
export function validateTags(tags: ReadonlyMap<string, string>): string | undefined {
  if (tags.size > MAX_TAGS) return `has ${tags.size} tags, but a resource has ${MAX_TAGS} at most`;
  for (const [name, value] of tags) {
    if (isCreationTag(name))
      return `has '${CREATION_TAG}', which the action uses itself: choose another name`;
    if (name.length > 512 || /[<>%&\\?/\p{Cc}]/u.test(name))
      return `has '${name}', but a tag's name has 512 characters at most, and none of < > % & \\ ? /`;
    if (value.length > 256)
      return `gives '${name}' a value of ${value.length} characters, but 256 are the most`;
  }
  return undefined;
}

/** A region by its name or its display name, such as `westeurope` or `West Europe`; it becomes a part of a URL. */
export function validateRegion(name: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9 ()-]{0,63}$/.test(name)
    ? undefined
    : `is '${name}', which cannot be a region's name (an example is westeurope; az account list-locations -o table lists all)`;
}

/** GUIDs as Azure writes them. */
export function validateGuid(text: string): string | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
    ? undefined
    : `is '${text}', which is not a GUID`;
}

/** Compute tiers by the letter of the size (facts.md §4). */
export function parseSkuTier(name: string): 'Burstable' | 'GeneralPurpose' | 'MemoryOptimized' | undefined {
  const letter = /^Standard_([BDE])[0-9]/i.exec(name)?.[1]?.toUpperCase();
  return letter === 'B'
    ? 'Burstable'
    : letter === 'D'
      ? 'GeneralPurpose'
      : letter === 'E'
        ? 'MemoryOptimized'
        : undefined;
}

export function validateSkuName(name: string): string | undefined {
  return parseSkuTier(name)
    ? undefined
    : `is '${name}', but a size is called Standard_B1ms, Standard_D2ds_v5, Standard_E4ds_v5 or the like`;
}

/** facts.md §4, GiB. */
export const STORAGE_SIZES_GIB = [32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767];

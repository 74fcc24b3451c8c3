import type { ServerFacts } from '../common/server-facts.ts';

/**
 * What keeps a new session from writing: `server` (the configuration of the server), `replica` (the server is a read
 * replica) or `preset` (the database or the role sets `default_transaction_read_only`, which the action's own sessions
 * override).
 */
export type WriteProtection = 'server' | 'replica' | 'preset';

/** PostgreSQL's SQLSTATE for a write in a read-only transaction. */
export const READ_ONLY_TRANSACTION = '25006';

/** Why writes fail, and what to do about it. */
export interface WriteProtectionExplanation {
  readonly cause: string;
  readonly hint: string;
}

/** The statements that remove what makes sessions of this role in this database read-only; the settings of ALTER … SET. */
export const READ_ONLY_PRESETS_SQL = `
  SELECT format('ALTER %s RESET default_transaction_read_only;', CASE
      WHEN s.setrole = 0 THEN format('DATABASE %I', d.datname)
      WHEN s.setdatabase = 0 THEN format('ROLE %I', r.rolname)
      ELSE format('ROLE %I IN DATABASE %I', r.rolname, d.datname) END) AS statement
  FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
    LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
  WHERE (d.datname = current_database() OR s.setdatabase = 0) AND (r.rolname = current_user OR s.setrole = 0)
    AND (s.setdatabase <> 0 OR s.setrole <> 0) AND lower(split_part(c.setting, '=', 1)) = 'default_transaction_read_only'
  ORDER BY 1`;

/**
 * Explains a write protection with what Azure reports about the server (docs/azure-behavior.md#read-only-servers).
 * @param presets the statements of {@link READ_ONLY_PRESETS_SQL}
 */
export function explainWriteProtection(
  protection: WriteProtection,
  { storageGiB, hasAutoGrow, primaryServer }: ServerFacts = {},
  presets: readonly string[] = [],
): WriteProtectionExplanation {
  if (protection === 'preset')
    return {
      cause: 'The database or the role presets default_transaction_read_only = on.',
      hint: `Remove the preset${presets.length === 0 ? '.' : `; run as the administrator, in one session: SET default_transaction_read_only = off; ${presets.join(' ')}`}`,
    };
  if (protection === 'replica')
    return {
      cause: 'The server is a read replica.',
      hint: `Set server-name to the primary server${primaryServer === undefined ? '' : ` '${primaryServer}'`}, or promote the replica.`,
    };
  const facts = [
    storageGiB !== undefined && `its storage has ${storageGiB} GiB`,
    hasAutoGrow !== undefined && `storage auto-grow is ${hasAutoGrow ? 'on' : 'off'}`,
  ].filter(Boolean);
  const hints = [
    'Azure makes a server read-only when its storage is almost full (95 %, metric storage_percent).',
    `Set storage-size-gb to ${storageGiB === undefined ? 'a larger size' : `more than ${storageGiB}`} and on-drift to fix, ${
      hasAutoGrow
        ? 'or wait until auto-grow has enlarged the storage.'
        : 'and storage-auto-grow to true so that it grows automatically.'
    }`,
    'Or free space: mode: drop and mode: sweep work on this server.',
    'If the storage is not full, set server-parameters to default_transaction_read_only=off and on-drift to fix.',
  ];
  return {
    cause: `The server itself is read-only${facts.length === 0 ? '' : `: ${facts.join(', and ')}`}.`,
    hint: hints.join(' '),
  };
}

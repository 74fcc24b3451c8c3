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

/** Explains a write protection with what Azure reports about the server (docs/azure-behavior.md#read-only-servers). */
export function explainWriteProtection(
  protection: WriteProtection,
  { storageGiB, hasAutoGrow, primaryServer }: ServerFacts = {},
): WriteProtectionExplanation {
  if (protection === 'preset')
    return {
      cause: 'The database or the role presets default_transaction_read_only = on.',
      hint: 'Remove the preset, as the owner of the database or an administrator of the role: ALTER DATABASE … RESET default_transaction_read_only; ALTER ROLE … RESET default_transaction_read_only;',
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

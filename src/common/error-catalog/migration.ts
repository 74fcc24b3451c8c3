import type { ErrorEntry, ErrorText } from './error-entry.ts';
import { longList } from './lists.ts';

/** Errors of the migration command. */
export const migrationErrors = {
  'migration-failed': {
    meaning:
      'The migration command ended with an error, or took too long. The cause is in its own output, above the error. The message names the cause if it is a known one.',
    causes: [
      'a missing right: see [permission denied for table](#symptoms)',
      'a package or a client is not installed, or is too old',
      'another session holds the lock of the migration tool (Prisma: `P1002`): the message lists the sessions',
      'the branch does not know migrations of the template',
      'the storage is full, and the server is read-only',
    ],
    remedies: [
      'Read the output of the command above the error.',
      'The server, the firewall and the database are ready, so running the step again continues with the migration.',
      '[migrations.md](migrations.md) and [frameworks.md](frameworks.md) describe what each tool needs.',
    ],
    text: (p: {
      reason: string;
      /** What its output shows, if that is known, and what to do about it. */
      cause?: string;
      advice?: string;
      /** The migration's sessions on the server that were terminated. */
      ended?: readonly string[];
      /** Other sessions and prepared transactions, each with the statement that ends it. */
      lockHolders?: readonly string[];
      /** Why the sessions of the command are read-only, and what to do about it. */
      writeProtection?: { readonly cause: string; readonly hint: string } | undefined;
    }): ErrorText => ({
      summary: [
        `The migration command ${p.reason}.${p.cause === undefined ? '' : ` ${p.cause}`}`,
        p.ended?.length &&
          `Its sessions were still running on the server and were terminated:${longList(p.ended)}`,
        p.lockHolders?.length && `These hold advisory locks in the database:${longList(p.lockHolders)}`,
        p.writeProtection && `Its sessions are read-only (SQLSTATE 25006). ${p.writeProtection.cause}`,
      ]
        .filter(Boolean)
        .join('\n'),
      hint: [
        p.advice,
        'See the output of the command above. The server, the firewall and the database are ready, so running the step again continues with the migration.',
        p.lockHolders?.length &&
          'If the migration tool could not get its advisory lock (Prisma: P1002), one of the holders above has it. If that holder remains from an earlier run, run the statement that is listed with it.',
        p.writeProtection?.hint,
      ]
        .filter(Boolean)
        .join(' '),
    }),
  },
  'migration-lock-lost': {
    meaning:
      'The session that holds the migration lock ended, so the migration was ended too: another job could have started one at the same time.',
    causes: [
      'the server restarted or failed over',
      'the storage is full, or the network failed',
      'somebody ended the session of the lock',
    ],
    remedies: [
      'Check in the output and in the database whether the migration is incomplete.',
      'Then run the step again.',
    ],
    text: (p: { reason: string; hint: string }): ErrorText => ({
      summary: `The session that holds the migration lock was lost, so the migration was terminated: ${p.reason}`,
      hint: `First check whether the migration is incomplete. ${p.hint}`,
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

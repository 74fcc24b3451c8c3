import type { Change } from '../reconcile/findings.ts';
import { codeBlock, inlineCode, renderTable } from './markdown.ts';

/** What a pull request's comment tells of its database. */
export interface DatabaseCommentData {
  readonly database: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly sslMode: string;
  /** A connection URI without its password. */
  readonly url: string;
  readonly expires: Date | undefined;
  readonly changes: readonly Change[];
}

/** By which the comment is known again: one for each base database on each server. */
export const commentMarker = (server: string, base: string): string =>
  `<!-- azure-postgresql-action: ${server}/${base} -->`;

/** The comment while the database is there. Nothing in it is secret. */
export function renderDatabaseComment(data: DatabaseCommentData): string {
  const { database, host, port, user, sslMode, url, expires, changes } = data;
  const details = [
    ['Database', database],
    ['Host', `${host}:${port}`],
    ['User', user],
    ['TLS', `sslmode=${sslMode}`],
    [
      'Expires',
      expires === undefined
        ? 'when the pull request is closed'
        : `${formatUtc(expires)}, unless ensured again`,
    ],
  ];
  const changesSection =
    changes.length === 0
      ? 'The last run found everything as it should be.'
      : renderTable(
          ['Changed by the last run', 'Name', 'Action', 'Details'],
          changes.map((change) => [change.resource, change.name, change.action, change.details]),
        );
  return [
    '### 🐘 This pull request has a database of its own',
    renderTable(['', ''], details),
    changesSection,
    'To connect, with the password that only the workflow knows, from an address that the firewall lets in:',
    codeBlock(`psql '${url}'`),
  ].join('\n\n');
}

/** The comment once the database is gone. */
export const renderDroppedComment = (database: string, reason: string): string =>
  `### 🐘 The database of this pull request is gone\n\n${inlineCode(database)} was dropped: ${reason}.`;

/** To the minute, as people read it. */
export const formatUtc = (moment: Date): string =>
  `${moment.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

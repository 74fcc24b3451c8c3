import { code, codeBlock, table } from './markdown.ts';
import type { Change } from './types.ts';

/** What a pull request's comment tells of its database. */
export interface DatabaseNews {
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
export function databaseComment(news: DatabaseNews): string {
  const { database, host, port, user, sslMode, url, expires, changes } = news;
  const facts = [
    ['Database', database],
    ['Host', `${host}:${port}`],
    ['User', user],
    ['TLS', `sslmode=${sslMode}`],
    [
      'Expires',
      expires === undefined ? 'when the pull request is closed' : `${utc(expires)}, unless ensured again`,
    ],
  ];
  const changed =
    changes.length === 0
      ? 'The last run found everything as it should be.'
      : table(
          ['Changed by the last run', 'Name', 'Action', 'Details'],
          changes.map((change) => [change.resource, change.name, change.action, change.details]),
        );
  return [
    '### 🐘 This pull request has a database of its own',
    table(['', ''], facts),
    changed,
    'To connect, with the password that only the workflow knows, from an address that the firewall lets in:',
    codeBlock(`psql '${url}'`),
  ].join('\n\n');
}

/** The comment once the database is gone. */
export const droppedComment = (database: string, why: string): string =>
  `### 🐘 The database of this pull request is gone\n\n${code(database)} was dropped: ${why}.`;

/** To the minute, as people read it. */
export const utc = (moment: Date): string => `${moment.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

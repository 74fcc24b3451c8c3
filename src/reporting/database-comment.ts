import type { Change, NotCarried } from '../reconcile/findings.ts';
import { formatUtc } from './log-lines.ts';
import { codeBlock, inlineCode, renderTable } from './markdown.ts';

/** Content of the pull request comment about its database. */
export interface DatabaseCommentData {
  readonly database: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly sslMode: string;
  /** Connection URI without the password. */
  readonly url: string;
  readonly expires: Date | undefined;
  readonly changes: readonly Change[];
  /** Empty for a database that is no clone. */
  readonly notCarried: readonly NotCarried[];
}

/** Lines of {@link NotCarried} in a comment; GitHub accepts 65,536 characters. */
const MAX_NOT_CARRIED = 50;

/** Identifies the comment of a base database on a server. */
export const commentMarker = (server: string, base: string): string =>
  `<!-- azure-postgresql-action: ${server}/${base} -->`;

/** The comment while the database exists. It contains no secret. */
export function renderDatabaseComment(data: DatabaseCommentData): string {
  const { database, host, port, user, sslMode, url, expires, changes, notCarried } = data;
  const details = [
    ['Database', database],
    ['Host', `${host}:${port}`],
    ['User', user],
    ['TLS', `sslmode=${sslMode}`],
    [
      'Expires',
      expires === undefined ? 'when the pull request is closed' : `${formatUtc(expires)}, unless renewed`,
    ],
  ];
  const changesSection =
    changes.length === 0
      ? 'The last run changed nothing.'
      : renderTable(
          ['Changed by the last run', 'Name', 'Action', 'Details'],
          changes.map((change) => [change.resource, change.name, change.action, change.details]),
        );
  return [
    '### 🐘 Database of this pull request',
    renderTable(['', ''], details),
    changesSection,
    ...notCarriedSection(notCarried),
    'Connect from an address that the firewall allows, with the password that only the workflow has:',
    codeBlock(`psql '${url}'`),
  ].join('\n\n');
}

function notCarriedSection(notCarried: readonly NotCarried[]): readonly string[] {
  if (notCarried.length === 0) return [];
  const listed = notCarried.slice(0, MAX_NOT_CARRIED).map(({ subject, reason }) => [subject, reason]);
  const rest =
    notCarried.length > listed.length
      ? [
          `${notCarried.length - listed.length} more are in the log of the run that created the database, or in its catalogs.`,
        ]
      : [];
  return [
    'The role differs in the clone from the role in the template:',
    renderTable(['Not carried to the clone', 'Reason'], listed),
    ...rest,
  ];
}

/** The comment after the database was dropped. */
export const renderDroppedComment = (database: string, reason: string): string =>
  `### 🐘 Database of this pull request dropped\n\n${inlineCode(database)} was dropped: ${reason}.`;

import { count } from '../common/count.ts';
import type { Change, NotCarried } from '../reconcile/findings.ts';
import { formatUtc } from './log-lines.ts';
import { code, codeBlock, renderDetails, renderLink, renderPhrase, renderTable } from './markdown.ts';

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
  /** URL of the documentation for people who want to connect; undefined if it is not known. */
  readonly connectUrl: string | undefined;
}

/** Lines of {@link NotCarried} in a comment; GitHub accepts 65,536 characters. */
const MAX_NOT_CARRIED = 50;

/** Identifies the comment of a base database on a server. */
export const commentMarker = (server: string, base: string): string =>
  `<!-- azure-postgresql-action: ${server}/${base} -->`;

/** The comment while the database exists: a verdict, four facts, how to connect, and the rest folded. No secret. */
export function renderDatabaseComment(data: DatabaseCommentData): string {
  const { database, host, port, user, sslMode, url, expires, changes, notCarried, connectUrl } = data;
  return [
    `### 🐘 ${renderPhrase(['Database', code(database), 'for this pull request'])}`,
    renderTable(
      ['Server', 'The workflow logs in as', 'TLS', 'Expires'],
      [
        [
          code(`${host}:${port}`),
          code(user),
          code(`sslmode=${sslMode}`),
          expires === undefined
            ? 'when the pull request is closed'
            : { lines: [[code(formatUtc(expires))], ['unless a later run extends it']] },
        ],
      ],
    ),
    describeConnecting(connectUrl),
    renderDetails(
      'Connection without the password',
      `${codeBlock(`psql '${url}'`)}\n\nOnly the workflow has the password, and the firewall has to admit your address.`,
    ),
    changes.length === 0
      ? 'The last run changed nothing.'
      : renderDetails(
          `The last run made ${count(changes.length, 'change')}`,
          renderTable(
            ['Change', 'Resource', 'Name', 'Details'],
            changes.map((change) => [change.action, change.resource, code(change.name), change.details]),
          ),
        ),
    ...notCarriedSection(notCarried),
  ].join('\n\n');
}

function describeConnecting(url: string | undefined): string {
  const title = 'Connect as a person';
  const place =
    renderLink(title, url) ?? `the section ${title} in the pull request documentation of the action`;
  return `To look at the data yourself, see ${place}.`;
}

function notCarriedSection(notCarried: readonly NotCarried[]): readonly string[] {
  if (notCarried.length === 0) return [];
  const listed = notCarried.slice(0, MAX_NOT_CARRIED).map(({ subject, reason }) => [code(subject), reason]);
  const rest =
    notCarried.length > listed.length
      ? `\n\n${notCarried.length - listed.length} more are in the log of the run that created the database, or in its catalogs.`
      : '';
  return [
    renderDetails(
      `The role differs from the role in the template: ${count(notCarried.length, 'object')}`,
      `${renderTable(['Not carried to the clone', 'Reason'], listed)}${rest}`,
    ),
  ];
}

/** The comment after the database was dropped. @param reason a phrase */
export const renderDroppedComment = (database: string, reason: string): string =>
  `### 🐘 ${renderPhrase(['Database', code(database), 'is dropped'])}\n\nThe reason: ${renderPhrase([reason])}.`;

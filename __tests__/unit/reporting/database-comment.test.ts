import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Connection, urlWithoutPassword } from '../../../src/publish/connection-formats.ts';
import {
  commentMarker,
  type DatabaseCommentData,
  renderDatabaseComment,
  renderDroppedComment,
} from '../../../src/reporting/database-comment.ts';
import { codeBlock, inlineCode, renderTable } from '../../../src/reporting/markdown.ts';
import { anyText, difficultPasswords } from '../../helpers/unit/arbitraries.ts';
import {
  maliciousMarkdown,
  markupOutsideCode,
  tableCells,
  textOutsideCode,
} from '../../helpers/unit/markdown.ts';

const commentData: DatabaseCommentData = {
  database: 'relecloud_pr_42',
  host: 'demo-relecloud.postgres.database.azure.com',
  port: 5432,
  user: 'relecloud_app_pr_42',
  sslMode: 'require',
  url: 'postgresql://relecloud_app_pr_42@demo-relecloud.postgres.database.azure.com:5432/relecloud_pr_42?sslmode=require',
  expires: undefined,
  changes: [],
  notCarried: [],
  connectUrl: undefined,
};

/** The code block of a comment, and the lines outside it. */
function splitAtCodeBlock(comment: string): { readonly block: string; readonly rest: readonly string[] } {
  const lines = comment.split('\n');
  const start = lines.findIndex((line) => /^`{3,}$/.test(line));
  const fence = lines[start] ?? '';
  // CommonMark 4.5: a block ends at the first line with at least as many backticks.
  const length = lines
    .slice(start + 1)
    .findIndex((line) => /^ {0,3}`+\s*$/.test(line) && line.trim().length >= fence.length);
  const end = start + 1 + length;
  expect(start).toBeGreaterThan(0);
  expect(length).toBeGreaterThanOrEqual(0);
  return {
    block: lines.slice(start + 1, end).join('\n'),
    rest: [...lines.slice(0, start), ...lines.slice(end + 1)],
  };
}

const tableLines = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => line.startsWith('|'));
/** Text outside tables, which is fixed. */
const nonTableText = (lines: readonly string[]): string =>
  lines.filter((line) => !line.startsWith('|')).join('\n');

describe('the pull request comment about the database', () => {
  test('database, host, user, TLS, and how to connect', () => {
    const comment = renderDatabaseComment(commentData);
    expect(comment).toMatch(/^### 🐘 Database `relecloud_pr_42` for this pull request\n/);
    expect(comment).toContain(
      '| `demo-relecloud.postgres.database.azure.com:5432` | `relecloud_app_pr_42` | `sslmode=require` | when the pull request is closed |',
    );
    expect(splitAtCodeBlock(comment).block).toBe(`psql '${commentData.url}'`);
  });

  test('a link to how a person connects, if the repository of the action is known', () => {
    const connectUrl =
      'https://github.com/relecloud/action/blob/v1/docs/pull-requests.md#connect-as-a-person';
    expect(renderDatabaseComment({ ...commentData, connectUrl })).toContain(
      `see [Connect as a person](${connectUrl}).`,
    );
    for (const url of [undefined, 'javascript:alert(1)', 'https://a.example/x)y'])
      expect(renderDatabaseComment({ ...commentData, connectUrl: url })).toContain(
        'see the section Connect as a person',
      );
  });

  test('what a clone does not carry, with the reason; at most 50 lines, and how many more there are', () => {
    expect(renderDatabaseComment(commentData)).not.toContain('Not carried');
    const notCarried = Array.from({ length: 60 }, (_, i) => ({
      subject: `policy p${i} on public.t`,
      reason: `because |${i}|`,
    }));
    const comment = renderDatabaseComment({ ...commentData, notCarried });
    expect(comment).toContain('| `policy p49 on public.t` | `because \\|49\\|` |');
    expect(comment).not.toContain('p50 on');
    expect(comment).toContain('10 more are in the log');
  });

  test('the expiry: with the pull request, or at a time unless renewed', () => {
    expect(renderDatabaseComment(commentData)).toContain('| when the pull request is closed |');
    const expires = new Date('2026-02-03T04:05:06.789Z');
    expect(renderDatabaseComment({ ...commentData, expires })).toContain(
      '| `2026-02-03 04:05 UTC`<br>unless a later run extends it |',
    );
  });

  test('the changes of the last run, or that it changed nothing', () => {
    expect(renderDatabaseComment(commentData)).toContain('The last run changed nothing.');
    const change = { resource: 'database', name: 'relecloud_pr_42', action: 'create', details: 'd' } as const;
    const comment = renderDatabaseComment({ ...commentData, changes: [change] });
    expect(comment).toContain('The last run made 1 change');
    expect(comment).toContain('| create | database | `relecloud_pr_42` | d |');
    expect(comment).not.toContain('changed nothing');
  });

  test('after a drop, the reason', () => {
    const comment = renderDroppedComment('relecloud_pr_42', 'pull request #42 is closed');
    expect(comment).toBe(
      '### 🐘 Database `relecloud_pr_42` is dropped\n\nThe reason: pull request #42 is closed.',
    );
  });
});

describe('text from outside cannot become markup', () => {
  const rest = nonTableText(splitAtCodeBlock(renderDatabaseComment(commentData)).rest);
  const change = { resource: 'role', name: '', action: 'create', details: '' } as const;
  const [, ...expected] = splitAtCodeBlock(
    renderDatabaseComment({ ...commentData, changes: [change, change] }),
  ).rest;

  test('no name, user, host or detail becomes markup, leaves its cell, mentions a user or is a link', () => {
    fc.assert(
      fc.property(
        fc.array(maliciousMarkdown, { minLength: 6, maxLength: 6 }),
        ([database, host, user, sslMode, name, details]) => {
          const comment = renderDatabaseComment({
            ...commentData,
            database: database ?? '',
            host: host ?? '',
            user: user ?? '',
            sslMode: sslMode ?? '',
            changes: [{ ...change, name: name ?? '', details: details ?? '' }, change],
          });
          const { block, rest: around } = splitAtCodeBlock(comment);
          expect(block).toBe(`psql '${commentData.url}'`);
          const [title = '', ...others] = around;
          expect(markupOutsideCode(title.replace('### 🐘', ''))).toBe('');
          expect(nonTableText(others)).toBe(nonTableText(expected));
          const rows = tableLines(around);
          expect(rows.map((row) => tableCells(row).length)).toEqual([4, 4, 4, 4, 4, 4, 4]);
          for (const cell of rows.flatMap(tableCells))
            for (const line of cell.split('<br>')) expect(markupOutsideCode(line.trim())).toBe('');
        },
      ),
      { numRuns: 500 },
    );
  });

  test('the connection URI cannot end its code block', () => {
    const lines = fc.constantFrom('```', '````', '~~~', '\n```\n', '\n# x', '|', '<b>', "'");
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 6 }), (parts) => {
        const url = parts.join('');
        const { block, rest: around } = splitAtCodeBlock(renderDatabaseComment({ ...commentData, url }));
        expect(block).toBe(`psql '${url}'`);
        expect(nonTableText(around)).toBe(rest);
      }),
    );
  });

  test('and the name of a dropped database cannot become markup either', () => {
    fc.assert(
      fc.property(maliciousMarkdown, (database) => {
        const [title = '', , reason, ...more] = renderDroppedComment(database, 'because').split('\n');
        expect(more).toEqual([]);
        expect(markupOutsideCode(title.replace('### 🐘', ''))).toBe('');
        expect(reason).toBe('The reason: because.');
      }),
      { numRuns: 500 },
    );
  });
});

describe('a comment contains no secret', () => {
  const secret = anyText.map((text) => `S3cr3t${text}`);

  test('the password does not appear, and the URI is one that clients accept', () => {
    const connection = (user: string, password: string): Connection => ({
      host: commentData.host,
      port: 5432,
      database: commentData.database,
      user,
      password,
      sslMode: 'require',
      sslRootCert: undefined,
    });
    fc.assert(
      fc.property(anyText, secret, (user, password) => {
        fc.pre(!user.includes('S3cr3t'));
        const whole = connection(user, password);
        const comment = renderDatabaseComment({ ...commentData, ...whole, url: urlWithoutPassword(whole) });
        expect(comment).not.toContain('S3cr3t');
        const [, uri = ''] = /psql '(.*)'/.exec(comment) ?? [];
        const url = new URL(uri);
        expect(url.password).toBe('');
        expect(decodeURIComponent(url.username)).toBe(user);
        expect(decodeURIComponent(url.pathname)).toBe('/relecloud_pr_42');
        // The URI is in single quotes, for a shell.
        expect(uri).not.toContain("'");
      }),
      { numRuns: 200, examples: difficultPasswords.map((p): [string, string] => [p, `S3cr3t${p}`]) },
    );
  });
});

describe('the marker of the comment', () => {
  const server = fc.stringMatching(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/);
  const base = fc.stringMatching(/^[a-zA-Z_][\w-]{0,62}$/);

  test('one for each base database on each server', () => {
    fc.assert(
      fc.property(server, base, server, base, (s, b, otherServer, otherBase) => {
        const same = s === otherServer && b === otherBase;
        expect(commentMarker(s, b) === commentMarker(otherServer, otherBase)).toBe(same);
      }),
    );
  });

  test('an HTML comment in one line, which no name can end', () => {
    fc.assert(
      fc.property(server, base, (s, b) => {
        const marker = commentMarker(s, b);
        expect(marker).not.toContain('\n');
        expect(marker.startsWith('<!-- ')).toBe(true);
        expect(marker.indexOf('-->')).toBe(marker.length - 3);
      }),
      {
        examples: [
          ['a--b', 'x--'],
          ['a-b', '_---'],
        ],
      },
    );
  });
});

describe('Markdown from text of any content', () => {
  test('inline code contains the whole text, and is empty for blank text', () => {
    fc.assert(
      fc.property(maliciousMarkdown, (text) => {
        expect(textOutsideCode(inlineCode(text))).toBe('');
        expect(inlineCode(text)).not.toContain('\n');
      }),
      { numRuns: 500 },
    );
    expect(inlineCode(' \n')).toBe('');
  });

  test('a table has exactly the given rows and columns', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(maliciousMarkdown, maliciousMarkdown, maliciousMarkdown), { maxLength: 4 }),
        (rows) => {
          const lines = renderTable(['A', 'B', 'C'], rows).split('\n');
          expect(lines).toHaveLength(rows.length + 2);
          for (const line of lines) expect(tableCells(line)).toHaveLength(3);
        },
      ),
    );
  });

  test('a code block contains the unchanged text', () => {
    fc.assert(
      fc.property(maliciousMarkdown, (text) => {
        expect(splitAtCodeBlock(`x\n${codeBlock(text)}\ny`)).toEqual({ block: text, rest: ['x', 'y'] });
      }),
      { numRuns: 300 },
    );
  });
});

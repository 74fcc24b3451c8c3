import { connectionEnvironment } from '../../../../src/publish/connection-formats.ts';
import type { Document, Problem } from '../../document.ts';

/** Every variable that the action can publish with the default prefix. */
const publishedVariables: ReadonlySet<string> = new Set(
  connectionEnvironment(
    {
      ...{ host: 'h', port: 5432, database: 'd', user: 'u', password: 'p' },
      ...{ sslMode: 'verify-full', sslRootCert: '/roots.pem' },
    },
    {
      envPrefix: 'DB_',
      formats: ['url', 'pg', 'jdbc', 'ado.net', 'asyncpg'],
      exportEnv: true,
      envFile: undefined,
      sslMode: 'verify-full',
    },
  ).keys(),
);

/** Names like those that the action publishes, some of which belong to libpq, Django or Laravel. */
const FAMILY =
  /(?<![\w.])(?:DB_[A-Z_]+|PG(?:DATABASE|DB|HOST|NAME|PASS|PORT|SSL|USER)[A-Z]*|(?:[A-Z]+_)*DATABASE_URL|ConnectionStrings__\w+)\b/g;

/** Secrets that the documents create. */
const SECRET_NAMES = new Set(['DB_ADMIN_PASSWORD', 'DB_APP_PASSWORD_KEY', 'DB_APP_PASSWORD']);

/** Whether some block of the document, or a line of it, sets a variable itself: `NAME=`, `NAME:` or a migration's own. */
const isSetIn = (text: string, name: string): boolean =>
  new RegExp(`(?<![$\\w{])${name}(?:=|["']?: )`).test(text);

/**
 * Variables in the code of a document that look like published ones, that the action does not publish and that the document
 * does not set. The language of the code does not matter, since a name is the same in all of them.
 */
export function findVariableProblems(document: Document): readonly Problem[] {
  const code = document.blocks.map(({ text }) => text).join('\n');
  return document.blocks.flatMap((block) =>
    block.text.split('\n').flatMap((line, index) =>
      [...line.matchAll(FAMILY)]
        .map(([name]) => name)
        .filter((name) => !publishedVariables.has(name) && !SECRET_NAMES.has(name) && !isSetIn(code, name))
        .map((name) => ({
          line: block.line + index,
          text: `The action does not publish ${name}. Use one of ${[...publishedVariables].join(', ')}, or set it in the document.`,
        })),
    ),
  );
}

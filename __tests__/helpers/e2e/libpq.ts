import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { giveTo } from '../../../emulator/postgres/installation.ts';
import { run, serviceAccount } from '../../../emulator/postgres/process.ts';
import { readPrepared } from '../../../emulator/postgres/template.ts';

/** How libpq is told where to connect to: by a URL, or by the variables that it reads (`PGHOST`, `PGUSER`, …). */
export type LibpqConnection = { readonly url: string } | { readonly env: Readonly<Record<string, string>> };

/**
 * Runs one query through the real libpq, which a machine without PostgreSQL's client programs does not have: the
 * extension dblink, in a standalone backend on a copy of a prepared template, connects by PostgreSQL's own libpq. Nothing
 * but the connection is given to it: no password file and no certificates of the account that runs the tests.
 *
 * @param connection a URL is passed on as it is, but for the path of `sslrootcert`, whose file is copied to where
 *   PostgreSQL's account can read it.
 * @returns the first column as text, one line for each row, as `psql -Atc` prints it.
 * @throws Error with libpq's message when the connection or the query fails.
 */
export async function libpqQuery(connection: LibpqConnection, sql: string): Promise<string> {
  const templates = inject('postgresTemplates');
  const account = await serviceAccount();
  const { grounds, templates: prepared } = await readPrepared(templates, account);
  const template = prepared.at(-1);
  if (template === undefined) throw new Error('No PostgreSQL is installed here.');
  // Among the templates, where it is removed even if this process is killed.
  const folder = await mkdtemp(join(templates, 'libpq-'));
  try {
    const data = join(folder, 'data');
    await run('cp', ['-a', '--reflink=auto', template.directory, data], { account: undefined });
    const { conninfo, environment } = await withReadableRoot(connection, join(folder, 'root.pem'));
    // The folder is 0700: only now may PostgreSQL's account enter it.
    await giveTo(folder, account);
    const output = await run(template.installation.postgres, [...standalone(data), 'postgres'], {
      account,
      environment: { ...grounds.environment, HOME: folder, ...environment },
      input: `CREATE EXTENSION dblink\n${dblinkQuery(conninfo, sql)}\n`,
    });
    return resultIn(output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function standalone(data: string): string[] {
  const settings = {
    exit_on_error: 'on',
    log_destination: 'stderr',
    log_line_prefix: '',
    // An error's message would repeat the statement, in which the password stands.
    log_min_error_statement: 'panic',
    log_statement: 'none',
  };
  return [
    '--single',
    ...['-D', data],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

/** The certificate is in a folder of the tests' own account, which PostgreSQL's account may not be able to enter. */
async function withReadableRoot(connection: LibpqConnection, copy: string) {
  if ('url' in connection) {
    // By replacing this one value, so that everything else reaches libpq as it was written.
    const value = /(?<=[?&]sslrootcert=)[^&]+/;
    const path = value.exec(connection.url)?.[0];
    if (path !== undefined) await copyFile(decodeURIComponent(path), copy);
    return { conninfo: connection.url.replace(value, encodeURIComponent(copy)), environment: {} };
  }
  const root = connection.env['PGSSLROOTCERT'];
  if (root === undefined) return { conninfo: '', environment: connection.env };
  await copyFile(root, copy);
  return { conninfo: '', environment: { ...connection.env, PGSSLROOTCERT: copy } };
}

/** In one line, as a standalone backend takes it. Texts are in hexadecimal, so none needs to be quoted. */
function dblinkQuery(conninfo: string, sql: string): string {
  const text = (value: string) => `convert_from('\\x${Buffer.from(value).toString('hex')}', 'UTF8')`;
  const rows = `dblink(${text(conninfo)}, ${text(sql)}) AS t(x text)`;
  return `SELECT encode(convert_to(string_agg(coalesce(x, ''), chr(10)), 'UTF8'), 'hex') AS result FROM ${rows}`;
}

/** The backend prints `1: result = "…"	(typeid = …)`, and nothing after `=` where there was no row. */
function resultIn(output: string): string {
  const hex = /result = "([0-9a-f]*)"/.exec(output)?.[1] ?? '';
  return Buffer.from(hex, 'hex').toString('utf8');
}

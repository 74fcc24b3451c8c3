import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { changeOwner } from '../../emulator/postgres/cluster/installation.ts';
import {
  findServiceAccount,
  runCommand,
  type ServiceAccount,
} from '../../emulator/postgres/cluster/run-command.ts';
import { readPreparedTemplates } from '../../emulator/postgres/cluster/template-cluster.ts';

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
export function libpqQuery(connection: LibpqConnection, sql: string): Promise<string> {
  // One after the other: a standalone backend has its data directory for itself.
  const result = pendingQuery.then(async () => {
    backend ??= startBackend();
    return queryWithBackend(await backend, connection, sql);
  });
  pendingQuery = result.catch(() => {});
  return result;
}

interface Backend {
  readonly directory: string;
  readonly postgres: string;
  readonly account: ServiceAccount | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

let backend: Promise<Backend> | undefined;
let pendingQuery: Promise<unknown> = Promise.resolve();

/** For all queries of this process. Its folder lies among the templates and is removed with them. */
async function startBackend(): Promise<Backend> {
  const directory = inject('postgresTemplates');
  const account = await findServiceAccount();
  const { clusterDeps, templates } = await readPreparedTemplates(directory, account);
  const template = templates.at(-1);
  if (template === undefined) throw new Error('No PostgreSQL is installed here.');
  const folder = await mkdtemp(join(directory, 'libpq-'));
  await runCommand('cp', ['-a', '--reflink=auto', template.directory, join(folder, 'data')], {
    account: undefined,
  });
  await changeOwner(folder, account);
  const environment = { ...clusterDeps.environment, HOME: folder };
  return { directory: folder, postgres: template.installation.postgres, account, environment };
}

async function queryWithBackend(backend: Backend, connection: LibpqConnection, sql: string): Promise<string> {
  const { conninfo, environment } = await copyRootCertificate(
    connection,
    join(backend.directory, 'root.pem'),
  );
  const output = await runCommand(
    backend.postgres,
    [...standaloneArguments(join(backend.directory, 'data')), 'postgres'],
    {
      account: backend.account,
      environment: { ...backend.environment, ...environment },
      input: `CREATE EXTENSION IF NOT EXISTS dblink\n${dblinkQuery(conninfo, sql)}\n`,
    },
  );
  return parseResult(output);
}

function standaloneArguments(dataDirectory: string): string[] {
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
    ...['-D', dataDirectory],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

/** The certificate is in a folder of the tests' own account, which PostgreSQL's account may not be able to enter. */
async function copyRootCertificate(connection: LibpqConnection, copyPath: string) {
  if ('url' in connection) {
    // By replacing this one value, so that everything else reaches libpq as it was written.
    const value = /(?<=[?&]sslrootcert=)[^&]+/;
    const path = value.exec(connection.url)?.[0];
    if (path !== undefined) await copyReadable(decodeURIComponent(path), copyPath);
    return { conninfo: connection.url.replace(value, encodeURIComponent(copyPath)), environment: {} };
  }
  const root = connection.env['PGSSLROOTCERT'];
  if (root === undefined) return { conninfo: '', environment: connection.env };
  await copyReadable(root, copyPath);
  return { conninfo: '', environment: { ...connection.env, PGSSLROOTCERT: copyPath } };
}

async function copyReadable(from: string, to: string): Promise<void> {
  await writeFile(to, await readFile(from), { mode: 0o644 });
}

/** In one line, as a standalone backend takes it. Texts are in hexadecimal, so none needs to be quoted. */
function dblinkQuery(conninfo: string, sql: string): string {
  const text = (value: string) => `convert_from('\\x${Buffer.from(value).toString('hex')}', 'UTF8')`;
  const rows = `dblink(${text(conninfo)}, ${text(sql)}) AS t(x text)`;
  return `SELECT encode(convert_to(string_agg(coalesce(x, ''), chr(10)), 'UTF8'), 'hex') AS result FROM ${rows}`;
}

/** The backend prints `1: result = "…"	(typeid = …)`, and nothing after `=` where there was no row. */
function parseResult(output: string): string {
  const hex = /result = "([0-9a-f]*)"/.exec(output)?.[1] ?? '';
  return Buffer.from(hex, 'hex').toString('utf8');
}

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { readHosts } from '../../emulator/core/hosts-file.ts';
import { changeOwner } from '../../emulator/postgres/cluster/installation.ts';
import {
  findServiceAccount,
  runCommand,
  type ServiceAccount,
} from '../../emulator/postgres/cluster/run-command.ts';
import { readPreparedTemplates } from '../../emulator/postgres/cluster/template-cluster.ts';

/** What libpq connects with: a URL, or the variables that it reads (`PGHOST`, `PGUSER`, …). */
export type LibpqConnection = { readonly url: string } | { readonly env: Readonly<Record<string, string>> };

/**
 * Executes a query through libpq. PostgreSQL's client programs may not be installed, so a standalone backend on a copy of
 * a prepared template connects with the extension dblink, which uses libpq. The backend has only the given connection: no
 * password file and no certificates of the account that runs the tests.
 *
 * @param connection a URL is passed to libpq unchanged, except the path of `sslrootcert`: its file is copied to where
 *   PostgreSQL's account can read it.
 * @returns the first column as text, one line for each row, as `psql -Atc` prints it.
 * @throws Error with libpq's message if the connection or the query fails.
 */
export function libpqQuery(connection: LibpqConnection, sql: string): Promise<string> {
  // One after the other, because only one standalone backend can use a data directory.
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

/** Prepares the backend for all queries of this process. Its folder is removed with the templates, which it is next to. */
async function startBackend(): Promise<Backend> {
  const directory = inject('postgresTemplates');
  const account = await findServiceAccount();
  const { clusterDeps, templates } = await readPreparedTemplates(directory, account);
  const template = templates.at(-1);
  if (template === undefined) throw new Error('No PostgreSQL installation was found.');
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
      environment: { ...backend.environment, ...hostAddress(connection), ...environment },
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
    // An error would otherwise contain the statement, and with it the password.
    log_min_error_statement: 'panic',
    log_statement: 'none',
  };
  return [
    '--single',
    ...['-D', dataDirectory],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

/**
 * The address of a server with a host name, which libpq does not resolve itself: with PGHOSTADDR it connects there, and
 * verifies the certificate for the name.
 */
function hostAddress(connection: LibpqConnection): Record<string, string> {
  const host = 'url' in connection ? new URL(connection.url).hostname : connection.env['PGHOST'];
  const address = readHosts(process.env['EMULATOR_HOSTS_FILE']).get(host ?? '');
  return address === undefined ? {} : { PGHOSTADDR: address };
}

/** Copies the root certificate, because PostgreSQL's account may not have access to the folder of the tests' account. */
async function copyRootCertificate(connection: LibpqConnection, copyPath: string) {
  if ('url' in connection) {
    // Replaces only this value, so that the rest of the URL is unchanged.
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

/** The statement in one line, as a standalone backend needs it. Strings are in hexadecimal, so none has to be quoted. */
function dblinkQuery(conninfo: string, sql: string): string {
  const text = (value: string) => `convert_from('\\x${Buffer.from(value).toString('hex')}', 'UTF8')`;
  const rows = `dblink(${text(conninfo)}, ${text(sql)}) AS t(x text)`;
  return `SELECT encode(convert_to(string_agg(coalesce(x, ''), chr(10)), 'UTF8'), 'hex') AS result FROM ${rows}`;
}

/** The backend prints `1: result = "…"	(typeid = …)`, and nothing after `=` if there is no row. */
function parseResult(output: string): string {
  const hex = /result = "([0-9a-f]*)"/.exec(output)?.[1] ?? '';
  return Buffer.from(hex, 'hex').toString('utf8');
}

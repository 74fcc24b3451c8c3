import {
  describeStatement,
  type ErrorEntry,
  type ErrorText,
  POSTGRESQL_DOCS_URL,
  type StatementContext,
} from './error-entry.ts';

function connectionLimitText({
  scope,
  limit,
}: {
  readonly scope: string;
  readonly limit: number | undefined;
}): string {
  if (limit === undefined) return '.';
  return scope === 'server'
    ? `. Its parameter max_connections is ${limit}, of which the service reserves some.`
    : `. The connection limit of the ${scope} is ${limit}.`;
}

/** Errors of the connection to the server. */
export const connectErrors = {
  'login-failed': {
    text: (p: { user: string; host: string; database: string; reason: string; hint: string }): ErrorText => ({
      summary: `The login to database '${p.database}' on ${p.host} as '${p.user}' failed: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'not-reachable': {
    text: (p: { host: string; reason: string; hint: string }): ErrorText => ({
      summary: `Could not connect to ${p.host}: ${p.reason}`,
      hint: p.hint,
      url: `${POSTGRESQL_DOCS_URL}/concepts-firewall-rules`,
    }),
  },
  'egress-address-unknown': {
    text: (p: { reason: string; hint: string }): ErrorText => ({
      summary: `Could not determine the public IPv4 address of this runner: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'connections-exhausted': {
    text: (p: {
      host: string;
      scope: 'server' | 'database' | 'role';
      /** The database or role whose limit is reached. */
      name: string;
      /** The limit, as far as it could be read. */
      limit: number | undefined;
      reason: string;
    }): ErrorText => ({
      summary: `${p.host} has no free connection${p.scope === 'server' ? '' : ` for ${p.scope} '${p.name}'`}: ${p.reason}${connectionLimitText(p)}`,
      hint:
        p.scope === 'server'
          ? 'Other clients use all connections. Let fewer jobs run at once (a concurrency group of GitHub Actions), limit the connection pools of the applications, or choose a larger sku, which has a larger max_connections.'
          : `${p.limit === 0 ? 'Somebody has disabled connections with this limit. Run' : 'End sessions that are not needed, or run'} as ${p.scope === 'database' ? 'its owner' : 'an administrator of the server'}: ALTER ${p.scope.toUpperCase()} "${p.name.replaceAll('"', '""')}" CONNECTION LIMIT -1;`,
      url: `${POSTGRESQL_DOCS_URL}/concepts-limits`,
    }),
  },
  'session-lost': {
    text: (p: StatementContext & { reason: string; hint: string }): ErrorText => ({
      summary: `The session with PostgreSQL ended during the run, at ${describeStatement(p)}: ${p.reason}`,
      hint: `${p.hint} A second run continues with what this run has done.`,
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

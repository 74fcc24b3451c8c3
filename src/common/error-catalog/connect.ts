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
    meaning: 'PostgreSQL answered and refused the login, so the firewall is not the cause.',
    causes: [
      `admin-password is not the password of the server's administrator, or has a line break at its end`,
      'admin-username is another role than the administrator',
      'the role may not log in, may not connect to the database, or its password has expired',
      'TLS could not be verified, because a proxy replaces the certificate',
    ],
    remedies: [
      'Check `admin-username` and `admin-password`. The message has the command that sets a new password.',
      'For an application role, run the statement in the message as the administrator.',
    ],
    text: (p: { user: string; host: string; database: string; reason: string; hint: string }): ErrorText => ({
      summary: `The login to database '${p.database}' on ${p.host} as '${p.user}' failed: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'not-reachable': {
    meaning:
      'The action could not connect to PostgreSQL on port 5432, although the firewall has a rule for this runner, or it cannot have one.',
    causes: [
      'the server has private access or no public access, and the runner is outside of its network',
      'the network of the runner blocks port 5432',
      'the runner reaches PostgreSQL from another address than the one that two public services return for it',
      'the network of the runner has several addresses (a NAT pool)',
      'Azure did not apply the rule within five minutes',
    ],
    remedies: [
      'Set `runner-ip` to the address from which the runner reaches PostgreSQL.',
      'If its network has several addresses, set `allowed-ip-ranges` in the step with `mode: ensure`.',
      'For private access, use a runner inside the network: [networks.md](networks.md).',
    ],
    text: (p: { host: string; reason: string; hint: string }): ErrorText => ({
      summary: `Could not connect to ${p.host}: ${p.reason}`,
      hint: p.hint,
      url: `${POSTGRESQL_DOCS_URL}/concepts-firewall-rules`,
    }),
  },
  'egress-address-unknown': {
    meaning:
      'The action needs the public IPv4 address of the runner for its firewall rule, and could not determine it. Two public services have to return the same address.',
    causes: [
      'the network of the runner blocks these services',
      'the runner has only IPv6, or several addresses',
    ],
    remedies: [
      'Set `runner-ip` to the public address from which the runner reaches PostgreSQL.',
      'If its network has several addresses, set `allowed-ip-ranges` in the step with `mode: ensure`.',
    ],
    text: (p: { reason: string; hint: string }): ErrorText => ({
      summary: `Could not determine the public IPv4 address of this runner: ${p.reason}`,
      hint: p.hint,
    }),
  },
  'connections-exhausted': {
    meaning:
      'All connections are in use that the server, the database or the role allows. The message names whose limit it is.',
    causes: [
      'many jobs run at once on a small size: `Standard_B1ms` has 35 connections for users',
      'an application opens large connection pools',
      'somebody has set a connection limit on the database or the role',
    ],
    remedies: [
      'For the server: run fewer jobs at once (`concurrency:`), use smaller connection pools, or choose a larger `sku-name`.',
      'For a database or a role: run the statement in the message.',
    ],
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
          ? 'Other clients use all connections. Let fewer jobs run at once (a concurrency group of GitHub Actions), limit the connection pools of the applications, or choose a larger sku-name, which has a larger max_connections.'
          : `${p.limit === 0 ? 'Somebody has disabled connections with this limit. Run' : 'End sessions that are not needed, or run'} as ${p.scope === 'database' ? 'its owner' : 'an administrator of the server'}: ALTER ${p.scope.toUpperCase()} "${p.name.replaceAll('"', '""')}" CONNECTION LIMIT -1;`,
      url: `${POSTGRESQL_DOCS_URL}/concepts-limits`,
    }),
  },
  'session-lost': {
    meaning:
      'The session with PostgreSQL ended during the run. The message names the statement that was executed.',
    causes: [
      'the server restarted or failed over',
      'somebody ended the session',
      'a proxy or NAT closes connections that are idle',
    ],
    remedies: [
      'Run the step again: it continues with what this run has done.',
      'If it happens again, check the activity log and the metrics of the server in the Azure portal.',
    ],
    text: (p: StatementContext & { reason: string; hint: string }): ErrorText => ({
      summary: `The session with PostgreSQL ended during the run, at ${describeStatement(p)}: ${p.reason}`,
      hint: `${p.hint} A second run continues with what this run has done.`,
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

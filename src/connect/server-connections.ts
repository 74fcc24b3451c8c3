import type { FoundServer } from '../azure/reader.ts';
import { hasPrivateAccess, hasPublicAccess } from '../azure/server-states.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { validatePublicAddress } from '../common/addresses.ts';
import { getErrorMessage } from '../common/errors.ts';
import type { RunContext } from '../common/polling.ts';
import { describeProxy, findProxy } from '../common/proxy.ts';
import { isTemporaryRuleName, type RunIdentity } from '../common/resource-names.ts';
import type { ActionState } from '../github/state.ts';
import { type LoginAttempt, type LoginTarget, login } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import type { Change } from '../reconcile/findings.ts';
import { connectThroughFirewall, openSession } from './connect.ts';
import type { EarlyConnection } from './early-connection.ts';
import { detectEgressAddress } from './egress-address.ts';
import type { ConnectionDeps } from './open-firewall.ts';
import { RunnerFirewallRule } from './runner-firewall-rule.ts';

export interface ServerConnectionsOptions {
  /** The administrator in `postgres`. */
  readonly administrator: LoginTarget;
  /** What was requested before Azure had named the server. */
  readonly early: EarlyConnection | undefined;
  readonly server: FoundServer['server'];
  readonly writer: AzureWriter;
  readonly state: ActionState;
  readonly runIdentity: RunIdentity;
  /** HTTPS URLs that answer with the caller's address. */
  readonly ipEchoUrls: readonly string[];
  /** The input runner-ip. */
  readonly runnerIp: string | undefined;
  /** Called before a rule for this runner's address is requested. */
  readonly onRuleRequest: (address: string) => void;
  /** Whether the rule for this runner outlasts the job (`keep-firewall-rule`). */
  readonly keepRule: boolean;
  /** Called for each rule that is created and outlasts the job. */
  readonly onPersistentRule: (change: Change) => void;
}

/** All sessions of a run on one server; opens the firewall for them if necessary. */
export class ServerConnections {
  readonly administrator: LoginTarget;
  /** Firewall rules that were created to connect and outlast the job. */
  readonly changes: Change[] = [];
  readonly #deps: ConnectionDeps;
  readonly #early: EarlyConnection | undefined;
  #administratorSession: Session | undefined;
  #hasListedRules = false;

  constructor(options: ServerConnectionsOptions) {
    const { server, writer, state, runIdentity, ipEchoUrls, runnerIp } = options;
    const { run, reader } = writer;
    const onPersistentRule = (change: Change): void => {
      this.changes.push(change);
      options.onPersistentRule(change);
    };
    const rule = new RunnerFirewallRule(
      writer,
      state,
      runIdentity,
      options.keepRule ? onPersistentRule : undefined,
    );
    this.administrator = options.administrator;
    this.#early = options.early;
    this.#deps = {
      run,
      hasPublicAccess: hasPublicAccess(server),
      isInVirtualNetwork: hasPrivateAccess(server),
      hasPrivateEndpoint: (server.privateEndpointConnections ?? []).length > 0,
      runnerIp,
      login: (target, timeoutMs) => login(target, timeoutMs, run.signal),
      echoProxy: describeEchoProxy(ipEchoUrls),
      clientAddress: (session) => readClientAddress(run, session),
      detectEgressAddress: (signal, onAnswer) =>
        detectEgressAddress(
          ipEchoUrls,
          signal === undefined ? run.signal : AbortSignal.any([run.signal, signal]),
          onAnswer,
        ),
      listRules: async () => {
        const isFirst = !this.#hasListedRules;
        this.#hasListedRules = true;
        // A later connection is blocked although an earlier one was not, so the rules have changed.
        const rules = isFirst ? reader.listFirewallRulesOnce() : reader.listFirewallRules();
        return (await rules).map(({ name, start, end }) => ({
          start,
          end,
          outlastsJob: !isTemporaryRuleName(name) || state.isRuleOfThisJob(name),
        }));
      },
      readConnectionLimit: (scope, target) =>
        scope === 'server' ? readMaxConnections(writer) : this.#readConnectionLimit(scope, target),
      startRule: (address) => {
        options.onRuleRequest(address);
        return rule.start(address);
      },
    };
  }

  /**
   * The first session, of the administrator in `postgres`; see {@link connectThroughFirewall}.
   * @throws as {@link connectThroughFirewall}
   */
  async connect(): Promise<Session> {
    const { host, user } = this.administrator;
    const { run } = this.#deps;
    const session = await connectThroughFirewall(
      this.#deps,
      this.administrator,
      this.#early?.resume(this.administrator),
    );
    this.#administratorSession = session;
    run.info(`Logged in to ${host} as ${user}, over verified TLS`);
    const { writeProtection } = session;
    if (writeProtection === 'server' || writeProtection === 'replica')
      run.info(
        `${host} is read-only${writeProtection === 'replica' ? ' (a read replica)' : ''}: reading works, and the first change will fail.`,
      );
    return session;
  }

  /** The limit of a database or a role, in the first session; undefined if that has ended. */
  async #readConnectionLimit(
    scope: 'database' | 'role',
    { database, user }: LoginTarget,
  ): Promise<number | undefined> {
    const sql =
      scope === 'database'
        ? 'SELECT datconnlimit AS "limit" FROM pg_database WHERE datname = $1'
        : 'SELECT rolconnlimit AS "limit" FROM pg_roles WHERE rolname = $1';
    const rows = await this.#administratorSession
      ?.query<{ limit: number }>(sql, [scope === 'database' ? database : user])
      .catch(() => []);
    return rows?.[0]?.limit;
  }

  /** One login attempt without a retry; it never opens the firewall. `timeoutMs` in milliseconds. */
  login(target: LoginTarget, timeoutMs: number): LoginAttempt {
    return this.#deps.login(target, timeoutMs);
  }

  /** A further session; see {@link openSession}. @throws as {@link connectThroughFirewall} */
  openSession(target: LoginTarget): Promise<Session> {
    return openSession(this.#deps, target);
  }

  /** A session of the administrator in another database. @throws as {@link connectThroughFirewall} */
  openDatabaseSession(database: string): Promise<Session> {
    return this.openSession({ ...this.administrator, database });
  }
}

/** The server parameter `max_connections`, which Azure derives from the size; undefined if it cannot be read. */
async function readMaxConnections({ reader }: AzureWriter): Promise<number | undefined> {
  const observed = await reader.getParameter('max_connections');
  const value = observed.status === 'present' ? Number.parseInt(observed.value.value ?? '', 10) : Number.NaN;
  return Number.isNaN(value) ? undefined : value;
}

function describeEchoProxy([url]: readonly string[]): string | undefined {
  const proxy = url === undefined ? undefined : findProxy(url, process.env);
  return proxy && describeProxy(proxy);
}

/** Undefined also for an address that is not public: something between the runner and PostgreSQL has replaced it. */
async function readClientAddress(run: RunContext, session: Session): Promise<string | undefined> {
  try {
    const address = await session.readClientAddress();
    return validatePublicAddress(address) === undefined ? address : undefined;
  } catch (error) {
    run.signal.throwIfAborted();
    run.debug(`PostgreSQL does not return the address of this runner: ${getErrorMessage(error)}`);
    return undefined;
  }
}

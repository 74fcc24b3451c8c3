import type { FoundServer } from '../azure/reader.ts';
import { type ConnectionDeps, connectThroughFirewall, openSession } from '../connect/connect.ts';
import { adminLogin, type LoginTarget } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import type { Change } from '../reconcile/findings.ts';
import type { ModeContext, WritableControlPlane, WritingConfig } from './context.ts';
import { FirewallAccess } from './firewall-access.ts';

/** A server that this runner can log in to: every session of a route comes from here. */
export class ServerConnections {
  readonly #ctx: ModeContext<WritingConfig>;
  readonly #firewall: FirewallAccess;
  /** The administrator in `postgres`. */
  readonly administrator: LoginTarget;

  constructor(ctx: ModeContext<WritingConfig>, azure: WritableControlPlane, found: FoundServer) {
    this.#ctx = ctx;
    this.#firewall = new FirewallAccess(ctx, azure, found);
    this.administrator = adminLogin(
      requireHost(found),
      ctx.config.administrator,
      ctx.runtime.applicationName,
    );
  }

  /** The first session, in `postgres`, from where databases are made without entering them; opens a way if it must. */
  async connect(): Promise<Session> {
    const { run } = this.#ctx;
    const session = await connectThroughFirewall(
      run,
      this.administrator,
      this.#firewall.connectionDeps(this.administrator),
    );
    run.info(`Logged in to ${this.administrator.host} as '${this.administrator.user}' over verified TLS.`);
    return session;
  }

  /** Persistent firewall rules that were created to connect. */
  get changes(): readonly Change[] {
    return this.#firewall.changes;
  }

  connectionDeps(target: LoginTarget): ConnectionDeps {
    return this.#firewall.connectionDeps(target);
  }

  /** A further session, on a server that was reached. */
  openSession(target: LoginTarget): Promise<Session> {
    return openSession(this.#ctx.run, target, this.#firewall.connectionDeps(target));
  }

  /** A session of the administrator in another database. */
  openDatabaseSession(database: string): Promise<Session> {
    return this.openSession({ ...this.administrator, database });
  }
}

/** @throws where ARM names no host: PostgreSQL's clients would take one from the environment then */
function requireHost({ name, server }: FoundServer): string {
  const host = server.fullyQualifiedDomainName;
  if (!host) throw new Error(`Azure names no host for server '${name}'`);
  return host;
}

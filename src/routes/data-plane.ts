import type { FoundServer } from '../azure/reader.ts';
import { administratorIn } from '../context.ts';
import type { LoginTarget } from '../postgres/login.ts';
import { enter, reach, type Ways } from '../postgres/reach.ts';
import type { Session } from '../postgres/session.ts';
import { type Act, Door, type WritableControlPlane, type WritingConfig } from './control-plane.ts';

/** A server that this runner can log in to: every session of a route comes from here. */
export class DataPlane {
  readonly #act: Act<WritingConfig>;
  readonly #door: Door;
  /** The administrator in `postgres`. */
  readonly administrator: LoginTarget;

  constructor(act: Act<WritingConfig>, azure: WritableControlPlane, found: FoundServer) {
    this.#act = act;
    this.#door = new Door(act, azure, found);
    this.administrator = administratorIn(act.workflow, hostOf(found), act.config.administrator);
  }

  /** The first session, in `postgres`, from where databases are made without entering them; opens a way if it must. */
  async reach(): Promise<Session> {
    const { run } = this.#act;
    const session = await reach(run, this.administrator, this.#door.to(this.administrator));
    run.info(`Logged in to ${this.administrator.host} as '${this.administrator.user}' over verified TLS.`);
    return session;
  }

  waysTo(target: LoginTarget): Ways {
    return this.#door.to(target);
  }

  /** A further session, on a server that was reached. */
  enter(target: LoginTarget): Promise<Session> {
    return enter(this.#act.run, target, this.#door.to(target));
  }

  /** A session of the administrator in another database. */
  enterDatabase(database: string): Promise<Session> {
    return this.enter({ ...this.administrator, database });
  }
}

/** @throws where ARM names no host: PostgreSQL's clients would take one from the environment then */
function hostOf({ name, server }: FoundServer): string {
  const host = server.fullyQualifiedDomainName;
  if (!host) throw new Error(`Azure names no host for server '${name}'`);
  return host;
}

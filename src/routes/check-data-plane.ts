import type { CheckConfig } from '../config/config.ts';
import { administratorIn } from '../context.ts';
import type { Planner } from '../plan/engine.ts';
import type { Finding } from '../plan/types.ts';
import { login } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import type { SqlWriter } from '../postgres/sql-writer.ts';
import { databaseItself, insideDatabase, rolesOnly } from '../resources/catalogue.ts';
import { type Act, pass } from './control-plane.ts';

type Planners = readonly Planner<SqlReader, SqlWriter>[];

/** Something that is looked at in one session. */
interface Look {
  readonly database: string;
  readonly planners: Planners;
  /** What stays unknown where there is no such session. */
  readonly things: readonly Pick<Finding, 'resource' | 'name'>[];
}

/**
 * What only SQL can tell, where the runner can log in already; the firewall is never opened for it (law 2). Where it
 * cannot, these things are unknown, which is a notice and no failure.
 * @param state of the server, as ARM names it
 */
export async function checkDataPlane(act: Act<CheckConfig>, state: string): Promise<void> {
  for (const look of looksOf(act)) await lookAt(act, look, state);
}

function looksOf({ config, story }: Act<CheckConfig>): readonly Look[] {
  const { database, application, extensions, pullRequest } = config;
  if (database === undefined) return [];
  const missing = story.drift.some(({ resource, kind }) => resource === 'database' && kind === 'missing');
  const own = pullRequest !== undefined && !missing ? databaseItself : [];
  const roles = application === undefined ? [] : rolesOnly;
  const outside: Look = {
    database: 'postgres',
    planners: [...own, ...roles],
    things: [
      ...own.map(() => ({ resource: 'database', name: database.name }) as const),
      ...(application === undefined ? [] : [{ resource: 'role', name: application.name } as const]),
    ],
  };
  const inside: Look = {
    database: database.name,
    // They went with the database, which is told.
    planners: missing || extensions.length === 0 ? [] : insideDatabase,
    things: extensions.map((name) => ({ resource: 'extension', name }) as const),
  };
  return [outside, inside].filter(({ planners }) => planners.length > 0);
}

async function lookAt(act: Act<CheckConfig>, look: Look, state: string): Promise<void> {
  const { story, config, run } = act;
  const session = await enter(act, look.database, state);
  if ('why' in session) return unseen(act, look, session.why);
  try {
    const { unknown } = await pass(story, look.planners, config, { reader: new SqlReader(session.inside) });
    for (const error of unknown) act.workflow.notice(error.message);
  } catch (error) {
    run.signal.throwIfAborted();
    throw error;
  } finally {
    await session.inside.close();
  }
}

function unseen({ workflow, story }: Act<CheckConfig>, { things }: Look, why: string): void {
  for (const thing of things) story.unseen(thing, why);
  const names = things.map(({ resource, name }) => `${resource} '${name}'`).join(', ');
  workflow.notice(`Not looked at: ${names}, since ${why}`);
}

/** States in which PostgreSQL answers, or may. */
const answering = ['Ready', 'Updating', 'Restarting', 'Starting'];

async function enter(
  { run, workflow, config, story }: Act<CheckConfig>,
  database: string,
  state: string,
): Promise<{ readonly inside: Session } | { readonly why: string }> {
  if (!answering.includes(state)) return { why: `the server is in state ${state}.` };
  if (config.administrator === undefined)
    return { why: 'only SQL can tell, and admin-username and admin-password are not given.' };
  if (!story.host) return { why: 'Azure names no host for the server.' };
  const target = { ...administratorIn(workflow, story.host, config.administrator), database };
  const result = await login(target, patience, run.signal).result;
  run.signal.throwIfAborted();
  return 'failure' in result
    ? { why: `this runner cannot log in: ${result.failure.reason}` }
    : { inside: result.session };
}

/** Milliseconds for a login; a firewall that shuts us out answers nothing. */
const patience = 5000;

import { mayAnswer } from '../azure/server-states.ts';
import type { CheckConfig } from '../config/config.ts';
import { administratorIn } from '../context.ts';
import { ActionError } from '../errors.ts';
import type { Planner } from '../plan/engine.ts';
import type { Finding, Standing } from '../plan/types.ts';
import { login } from '../postgres/login.ts';
import type { Session } from '../postgres/session.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import type { SqlWriter } from '../postgres/sql-writer.ts';
import { databaseItself, insideDatabase, rolesOnly } from '../resources/catalogue.ts';
import { type Act, pass } from './control-plane.ts';

/** Things that SQL alone knows, and from where they are looked at. */
interface Look {
  readonly things: readonly Pick<Finding, 'resource' | 'name'>[];
  readonly database: string;
  readonly planners: readonly Planner<SqlReader, SqlWriter>[];
}

/**
 * What only SQL can tell, where the runner can log in already; the firewall is never opened for it (law 2). Where it
 * cannot, these things are unknown, which is a notice and no failure.
 * @param state of the server
 */
export async function checkDataPlane(act: Act<CheckConfig>, state: string): Promise<void> {
  const byDatabase = Map.groupBy(looksOf(act), ({ database }) => database);
  const unseen = new Map<string, Look[]>();
  let outOfReach = noWayIn(act, state);
  for (const [database, looks] of byDatabase) {
    const entered = outOfReach ?? (await enter(act, database));
    if ('why' in entered) {
      unseen.set(entered.why, [...(unseen.get(entered.why) ?? []), ...looks]);
      if (entered.everywhere) outOfReach = entered;
    } else await lookThrough(act, looks, entered.inside);
  }
  for (const [why, looks] of unseen) tellUnseen(act, looks, why);
}

function looksOf({ config, story }: Act<CheckConfig>): readonly Look[] {
  const { database, application, extensions, pullRequest } = config;
  if (database === undefined) return [];
  const missing = story.drift.some(({ resource, kind }) => resource === 'database' && kind === 'missing');
  const looks: Look[] = [];
  if (pullRequest !== undefined && !missing) {
    const thing = { resource: 'database', name: database.name } as const;
    looks.push({ things: [thing], database: 'postgres', planners: databaseItself });
  }
  if (application !== undefined) {
    const thing = { resource: 'role', name: application.name } as const;
    looks.push({ things: [thing], database: 'postgres', planners: rolesOnly });
  }
  // They went with the database, which is told.
  if (!missing && extensions.length > 0) {
    const things = extensions.map((name) => ({ resource: 'extension', name }) as const);
    looks.push({ things, database: database.name, planners: insideDatabase });
  }
  return looks;
}

async function lookThrough(act: Act<CheckConfig>, looks: readonly Look[], inside: Session): Promise<void> {
  const { story, config, workflow } = act;
  try {
    for (const { things, planners } of looks) {
      const look = pass(story, planners, config, { reader: new SqlReader(inside) });
      const { unknown } = await look.catch((error: unknown) => {
        const difference = notOurs(error);
        for (const thing of things) story.differs({ ...thing, ...difference });
        return { unknown: [] };
      });
      for (const error of unknown) workflow.notice(error.message);
    }
  } finally {
    await inside.close();
  }
}

/** That somebody else's thing is there in place of ours is what a check is for, and no reason to end it. */
function notOurs(error: unknown): Omit<Standing, 'resource' | 'name'> {
  if (!(error instanceof ActionError) || error.code !== 'not-ours') throw error;
  const { happened, todo } = error;
  return { property: 'owner', expected: 'ours', actual: happened, kind: 'changed', remedy: todo };
}

function tellUnseen({ workflow, story }: Act<CheckConfig>, looks: readonly Look[], why: string): void {
  const things = looks.flatMap((look) => look.things);
  for (const thing of things) story.unseen(thing, why);
  const names = things.map(({ resource, name }) => `${resource} '${name}'`).join(', ');
  workflow.notice(`Not looked at: ${names}, since ${why}`);
}

/** Why there is no session; `everywhere`: in no other database either. */
interface NoSession {
  readonly why: string;
  readonly everywhere: boolean;
}

function noWayIn({ config, story }: Act<CheckConfig>, state: string): NoSession | undefined {
  const why = !mayAnswer(state)
    ? `the server is in state ${state}.`
    : config.administrator === undefined
      ? 'only SQL can tell, and admin-username and admin-password are not given.'
      : story.host
        ? undefined
        : 'Azure names no host for the server.';
  return why === undefined ? undefined : { why, everywhere: true };
}

async function enter(
  { run, workflow, config, story }: Act<CheckConfig>,
  database: string,
): Promise<{ readonly inside: Session } | NoSession> {
  const target = { ...administratorIn(workflow, story.host ?? '', config.administrator), database };
  const result = await login(target, patience, run.signal).result;
  run.signal.throwIfAborted();
  if ('session' in result) return { inside: result.session };
  const { reason, kind } = result.failure;
  return { why: `this runner cannot log in: ${reason}`, everywhere: kind === 'blocked' };
}

/** Milliseconds for a login; a firewall that shuts us out answers nothing. */
const patience = 5000;

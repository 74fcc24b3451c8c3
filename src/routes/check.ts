import type { CheckConfig } from '../config/config.ts';
import { administratorIn } from '../context.ts';
import { fail } from '../errors.ts';
import type { Planner } from '../plan/engine.ts';
import { findingLine } from '../plan/render.ts';
import { login } from '../postgres/login.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import type { SqlWriter } from '../postgres/sql-writer.ts';
import { dataPlane, insideDatabase, serverChildren, servers } from '../resources/catalogue.ts';
import { type Act, openControlPlane, pass } from './control-plane.ts';

/** `mode: check`: the same route with no writer, so it ends where something would have to be made. */
export async function check(act: Act<CheckConfig>): Promise<void> {
  const { config, story } = act;
  const azure = openControlPlane(act);
  const planned = await story.phase('Look at the server', () => pass(story, servers, config, azure));
  const found = await azure.reader.server();
  if (found.status === 'present') {
    const { server } = found.value;
    story.serverId = server.id;
    story.host = server.fullyQualifiedDomainName;
    const children = await story.phase('Look at what is in it', () =>
      pass(story, serverChildren, config, azure),
    );
    if (children.unknown[0]) throw children.unknown[0];
    await story.phase('Look at the database', () => checkDatabase(act));
  }
  if (planned.unknown[0]) throw planned.unknown[0];
  if (story.drift.length > 0 && config.onDrift === 'fail')
    throw fail('drifted', { findings: story.drift.map(findingLine) });
}

/** What only SQL can tell, where the runner can log in already; the firewall is never opened for it (law 2). */
async function checkDatabase(act: Act<CheckConfig>): Promise<void> {
  const { config, story } = act;
  if (config.database === undefined) return;
  const seen = await lookInside(act, 'postgres', dataPlane);
  const there =
    seen && !story.drift.some(({ resource, kind }) => resource === 'database' && kind === 'missing');
  if (there && config.extensions.length > 0) await lookInside(act, config.database.name, insideDatabase);
}

/** @returns whether this runner could log in */
async function lookInside(
  { run, workflow, config, story }: Act<CheckConfig>,
  database: string,
  planners: readonly Planner<SqlReader, SqlWriter>[],
): Promise<boolean> {
  if (config.database === undefined || config.administrator === undefined || story.host === undefined)
    return false;
  const target = { ...administratorIn(workflow, story.host, config.administrator), database };
  const result = await login(target, 5000, run.signal).result;
  run.signal.throwIfAborted();
  if ('failure' in result) {
    const { reason } = result.failure;
    workflow.notice(`The database was not looked at, since this runner cannot log in: ${reason}`);
    story.unseen(
      { resource: 'database', name: config.database.name },
      `this runner cannot log in: ${reason}`,
    );
    return false;
  }
  try {
    await pass(story, planners, config, { reader: new SqlReader(result.session), writer: undefined });
    return true;
  } finally {
    await result.session.close();
  }
}

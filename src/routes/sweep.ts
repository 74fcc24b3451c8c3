import { hasPublicAccess } from '../azure/ready.ts';
import type { DropConfig, SweepConfig } from '../config/config.ts';
import { ActionError, fail, messageOf } from '../errors.ts';
import { GitHubApi, GitHubUnknown } from '../github/api.ts';
import { utc } from '../plan/comment.ts';
import { isOursToDrop } from '../plan/ownership.ts';
import { type SweepItem, sweepItems } from '../plan/sweep.ts';
import { present, type Told } from '../plan/types.ts';
import { SqlReader } from '../postgres/sql-reader.ts';
import { dataPlaneInverted, roleInverted } from '../resources/catalogue.ts';
import { commentOnDrop } from './comment.ts';
import {
  type Act,
  findServer,
  openControlPlane,
  type WritableControlPlane,
  writable,
} from './control-plane.ts';
import { DataPlane } from './data-plane.ts';
import { dropOne } from './drop.ts';
import { sweepRules, tellFailure } from './sweep-rules.ts';

/** Sessions at once: a burstable server has thirty-five, and others want some. */
const lanes = 4;

/** `mode: sweep`: `drop` over what a query finds. One failure does not stop the rest, and all are told at the end. */
export async function sweep(act: Act<SweepConfig>): Promise<void> {
  const { config, story, run } = act;
  const azure = writable(act, openControlPlane(act));
  const found = await story.phase('Find the server', () => findServer(act, azure));
  if (found === undefined) return;
  const gitHub = new GitHubApi(config.gitHubToken, config.repository.name, run);
  const failures: Error[] = [];
  if (hasPublicAccess(found.server))
    await story.phase('Sweep firewall rules', () => sweepRules(act, azure, gitHub, failures));
  const plane = new DataPlane(act, azure, found);
  await story.phase('Sweep databases', () => sweepDatabases(act, azure, plane, gitHub, failures));
  if (failures.length > 0) throw fail('sweep-incomplete', { failures });
}

/** Everything that one pull request's part of the sweep needs. */
interface Sweeping {
  readonly act: Act<SweepConfig>;
  readonly azure: WritableControlPlane;
  readonly plane: DataPlane;
  readonly gitHub: GitHubApi;
  /** The open pull requests as they were listed. */
  readonly open: ReadonlySet<number>;
  /** The server's clock. */
  readonly now: Date;
  readonly failures: Error[];
}

async function sweepDatabases(
  act: Act<SweepConfig>,
  azure: WritableControlPlane,
  plane: DataPlane,
  gitHub: GitHubApi,
  failures: Error[],
): Promise<void> {
  const { run, config, story } = act;
  const first = await plane.reach();
  const reader = new SqlReader(first);
  try {
    const [databases, roles, now] = [
      await reader.markedDatabases(),
      await reader.markedRoles(),
      await reader.now(),
    ];
    const { items, foreign } = sweepItems(config.repository.id, databases, roles);
    for (const thing of foreign) story.kept(thing);
    run.info(
      `Found what ${items.length} pull requests of this repository have on the server, whatever their databases are made from.`,
    );
    if (items.length === 0) return;
    const listed = await gitHub.openPullRequests();
    // Each is asked for by itself then.
    if (listed.status === 'unknown') run.warning(listed.error.message);
    const open = listed.status === 'present' ? listed.value : new Set<number>();
    const sweeping = { act, azure, plane, gitHub, open, now, failures };
    const queue = [...items];
    await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, () => lane(sweeping, queue)));
    for (const { name } of queue)
      failures.push(new Error(`${name} was not looked at, since no session lasted.`));
  } finally {
    await first.close();
  }
}

/** How often a lane logs in, where its session is lost. */
const logins = 3;

async function lane(sweeping: Sweeping, queue: SweepItem[]): Promise<void> {
  const { plane, act } = sweeping;
  for (let login = 0; login < logins && queue.length > 0; login += 1) {
    const session = await plane.enter(plane.administrator).catch((error: unknown) => {
      act.run.signal.throwIfAborted();
      act.run.debug(`One lane fewer: ${messageOf(error)}`);
      return undefined;
    });
    if (session === undefined) return;
    try {
      await laneWith(sweeping, queue, new SqlReader(session));
    } finally {
      await session.close();
    }
  }
}

/** Takes one item after another; what was under way when the session was lost goes back, for a lane that lives. */
async function laneWith(sweeping: Sweeping, queue: SweepItem[], reader: SqlReader): Promise<void> {
  const { run } = sweeping.act;
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
    try {
      await sweepOne(sweeping, item, reader);
    } catch (error) {
      run.signal.throwIfAborted();
      if (reader.session.lost) {
        queue.push(item);
        return;
      }
      tellFailure(run, sweeping.failures, error);
    }
  }
}

/** Looks once more at one pull request, and drops what it has where it is due. */
async function sweepOne(sweeping: Sweeping, item: SweepItem, reader: SqlReader): Promise<void> {
  const { act, azure, plane } = sweeping;
  const { config, story } = act;
  const thing = { resource: item.resource, name: toldAs(item) } as const;
  const due = await dueReason(sweeping, item);
  if (due.status === 'unknown') {
    story.kept({ ...thing, reason: due.error.message });
    if (!(due.error instanceof GitHubUnknown) || due.error.status !== 404) throw due.error;
    return;
  }
  if ('kept' in due.value) return story.kept({ ...thing, reason: due.value.kept });
  act.run.info(`Due: ${thing.resource} ${thing.name}: ${due.value.because}`);
  const dropping = { ...act, config: dropConfig(config, item, due.value.expired ? sweeping.now : undefined) };
  const foreign = await isForeign(dropping.config, reader);
  // Where another's database has taken the name, only the role is left to drop.
  const planners = foreign ? roleInverted : dataPlaneInverted;
  let refused: ActionError | undefined;
  try {
    refused = await dropOne(dropping, azure, plane, reader, planners);
  } catch (error) {
    if (!(error instanceof ActionError) || error.code !== 'ensured-again') throw error;
    return story.kept({ ...thing, reason: error.happened });
  }
  const { number, base, name } = item;
  // A database of that name is there, so it is not said to be gone.
  if (!foreign)
    await commentOnDrop(act, sweeping.gitHub, { number, base, database: name, why: due.value.because });
  if (refused !== undefined) throw refused;
}

const toldAs = ({ resource, name, roles: [role] }: SweepItem): string =>
  resource === 'role' ? (role?.name ?? name) : name;

async function isForeign({ database }: DropConfig, reader: SqlReader): Promise<boolean> {
  const seen = await reader.database(database.name);
  return seen.status === 'present' && !isOursToDrop(seen.value, database);
}

/** Why an item is to be dropped, or to be kept. */
type Due = { readonly because: string; readonly expired: boolean } | { readonly kept: string };

/** Expired, or of a pull request that GitHub says is closed, asked right before. What GitHub does not know is unknown. */
async function dueReason(
  { gitHub, open, now }: Sweeping,
  { number, expires }: SweepItem,
): Promise<Told<Due>> {
  if (expires !== undefined && expires <= now)
    return present({ because: `it expired at ${utc(expires)}`, expired: true });
  const until = expires === undefined ? '' : `, and it expires at ${utc(expires)}`;
  const kept = { kept: `pull request #${number} is open${until}` };
  if (open.has(number)) return present(kept);
  const seen = await gitHub.pullRequest(number);
  if (seen.status !== 'present') return seen;
  return present(
    seen.value === 'closed' ? { because: `pull request #${number} is closed`, expired: false } : kept,
  );
}

/** What `mode: drop` would be given for this pull request. */
function dropConfig(config: SweepConfig, item: SweepItem, expiredBy: Date | undefined): DropConfig {
  const { number, base, roles } = item;
  const { repository, ...rest } = config;
  return {
    ...rest,
    mode: 'drop',
    pullRequest: { number, repository, state: undefined },
    database: {
      name: item.name,
      base,
      charset: undefined,
      collation: undefined,
      template: undefined,
      mark: { kind: 'pull-request', repositoryId: repository.id, pullRequest: number, base },
      reset: false,
      expiresIn: undefined,
    },
    application: undefined,
    otherRoles: roles,
    expiredBy,
  };
}

import type { Server } from '@azure/arm-postgresql-flexible';
import { endpointsOf } from '../azure/clouds.ts';
import { signInWay } from '../azure/credentials.ts';
import { AzureReader, type FoundServer } from '../azure/reader.ts';
import { hasPublicAccess, readyServer, settledServer } from '../azure/ready.ts';
import { stateOf } from '../azure/server-states.ts';
import { AzureWriter } from '../azure/writer.ts';
import type { CheckConfig, Config, DropConfig, SweepConfig } from '../config/config.ts';
import { secretWarnings } from '../config/secret-ends.ts';
import { type Connected, connect } from '../context.ts';
import { fail } from '../errors.ts';
import { Journal } from '../github/journal.ts';
import type { Workflow } from '../github/workflow.ts';
import { describeNetwork, networkSettings } from '../network.ts';
import { apply, type Plan, type Planner, plan } from '../plan/engine.ts';
import type { Change } from '../plan/types.ts';
import { egressAddress } from '../postgres/egress-address.ts';
import { type LoginTarget, login } from '../postgres/login.ts';
import type { Ways } from '../postgres/reach.ts';
import type { Story } from '../report.ts';
import { rangeOf } from '../resources/firewall-rule.ts';
import { RunnerRule } from '../temporary-rule.ts';
import type { Run } from '../waiting.ts';

/** A mode that writes, and so has an administrator. */
export type WritingConfig = Exclude<Config, CheckConfig>;

/** What every part of a route works with. */
export interface Act<C extends Config> {
  readonly workflow: Workflow;
  readonly run: Run;
  readonly config: C;
  readonly story: Story;
}

/** ARM to a mode that only reads. */
export interface ControlPlane {
  readonly connected: Connected;
  readonly reader: AzureReader;
}

/** ARM to a mode that writes too. */
export interface WritableControlPlane extends ControlPlane {
  readonly writer: AzureWriter;
}

/**
 * Makes the clients, which sign in at their first request, and saves for `post` how they do; before that warns of secrets
 * that probably contain a mistake.
 */
export function openControlPlane({ workflow, run, config }: Act<Config>): ControlPlane {
  for (const sentence of secretWarnings(config)) run.warning(sentence);
  const { clientSecret: _, ...signIn } = config.signIn;
  const way = signInWay(config.signIn, workflow.mayRequestIdToken);
  const network = networkSettings(process.env);
  new Journal(workflow).writeSignIn({ way, signIn, cloud: config.cloud, network });
  describeNetwork(process.env, run.info);
  const connected = connect(workflow, way, config.signIn, endpointsOf(config.cloud, process.env));
  return { connected, reader: new AzureReader(connected.clients, run, config.server) };
}

/** Adds the writer, which a mode that only reads never constructs (design.md, one path for every mode). */
export function writable(
  { run }: Act<WritingConfig>,
  { connected, reader }: ControlPlane,
): WritableControlPlane {
  return { connected, reader, writer: new AzureWriter(connected.clients, run, reader) };
}

/**
 * One pass over some kinds: observe, diff, and apply where there is a writer.
 * @param permit looks at the plan before its first write; may refuse it, or hand back another
 * @throws with a writer, why something could not be seen: unknown is never taken for absent (law 8)
 */
export async function pass<R, W>(
  story: Story,
  planners: readonly Planner<R, W>[],
  config: Config,
  { reader, writer }: { readonly reader: R; readonly writer?: W | undefined },
  permit: (plan: Plan<W>) => Promise<Plan<W>> = async (plan) => plan,
): Promise<Plan<W>> {
  const seen = await plan(planners, config, reader);
  if (writer === undefined) {
    story.planned(seen);
    return seen;
  }
  if (seen.unknown[0]) throw seen.unknown[0];
  const permitted = await permit(seen);
  story.planned(permitted);
  await apply(permitted, writer, story);
  return permitted;
}

/** Tells which server it is, in the log and for the outputs. */
export function introduce(
  { run, story }: Act<WritingConfig>,
  { name, resourceGroup, server }: FoundServer,
): void {
  const { fullyQualifiedDomainName: host, id, version, location, sku } = server;
  run.info(
    `Server '${name}' in resource group '${resourceGroup}': PostgreSQL ${version}, ${sku?.name}, ${location}, at ${host}.`,
  );
  story.host = host;
  story.serverId = id;
}

/**
 * The server once it is Ready; a stopped one is started. Undefined, with a warning, where a run must not go on and must
 * not claim anything about what is in the server: `drop` does not find it (it may have been deleted on purpose), or it is
 * stopped and stays so (a dry run starts nothing, and `start-if-stopped: false` lets a sweep wait for the next night).
 * @throws `server-not-found` for a sweep, and why it could not be seen: unknown is never taken for absent
 */
export async function findServer(
  act: Act<DropConfig | SweepConfig>,
  { reader, writer }: WritableControlPlane,
): Promise<FoundServer | undefined> {
  const { run, config, story } = act;
  const seen = await reader.server();
  if (seen.status === 'unknown') throw seen.error;
  if (seen.status === 'absent') {
    const { name: server, resourceGroup } = config.server;
    const subscription = config.signIn.subscriptionId;
    const error = fail('server-not-found', { server, subscription, resourceGroup });
    // A sweep that never sees its server would be green every night.
    if (config.mode === 'sweep') throw error;
    run.warning(error.message);
    return undefined;
  }
  const settled = await settledServer(run, reader);
  const stopped = stateOf(settled.server) === 'Stopped';
  if (stopped && (config.dryRun || (config.mode === 'sweep' && !config.startIfStopped))) {
    run.warning(`Server '${settled.name}' is stopped and was not started, so nothing was looked at.`);
    return undefined;
  }
  if (stopped && config.startIfStopped) {
    const change = {
      resource: 'server',
      name: settled.name,
      action: 'start',
      details: 'it was stopped',
    } as const;
    story.starting(change);
    if ((await writer.startServer()) !== 'adopted') story.made(change);
  }
  const found = await readyServer(run, reader);
  introduce(act, found);
  return found;
}

/** What reaching this server takes: looks at the firewall and the address, and one way to open, shared by all logins. */
export class Door {
  readonly #act: Act<Config>;
  readonly #server: Server;
  readonly #reader: AzureReader;
  readonly #echoServices: readonly string[];
  readonly #journal: Journal;
  readonly #rule: RunnerRule;

  constructor(
    act: Act<WritingConfig>,
    { connected, reader, writer }: WritableControlPlane,
    { server }: FoundServer,
  ) {
    this.#act = act;
    this.#server = server;
    this.#reader = reader;
    this.#echoServices = connected.echoServices;
    this.#journal = new Journal(act.workflow);
    const onKept = act.config.firewall.keepRule
      ? (change: Change): void => act.story.made(change)
      : undefined;
    this.#rule = new RunnerRule({ writer, reader }, this.#journal, act.workflow.identity, onKept);
  }

  /** The ways to log in to this target. */
  to(target: LoginTarget): Ways {
    const { run, config } = this.#act;
    return {
      login: (timeout) => login(target, timeout, run.signal),
      rules: async () =>
        (await this.#reader.firewallRules()).map((r) => ({ name: r.name ?? '', ...rangeOf(r) })),
      givenAddress: config.firewall.runnerIp,
      egressAddress: () => egressAddress(this.#echoServices, run.signal),
      isOfThisJob: (name) => this.#journal.isOfThisJob(name),
      open: (address, needed) => this.#open(address, needed),
      publicAccess: hasPublicAccess(this.#server),
      privateEndpoint: (this.#server.privateEndpointConnections ?? []).length > 0,
    };
  }

  async #open<T>(address: string, needed: (ended: boolean) => Promise<T | undefined>): Promise<T> {
    const { story } = this.#act;
    story.openedFor = address;
    story.keepsRule = this.#act.config.firewall.keepRule;
    return await this.#rule.open(address, needed);
  }
}

import { AzureReader, type FoundServer } from './azure/reader.ts';
import { hasPublicAccess, readyServer } from './azure/ready.ts';
import { AzureWriter } from './azure/writer.ts';
import type { Config } from './config/config.ts';
import { creationFaults } from './config/creation.ts';
import { type Connected, connect, endpointsFor } from './context.ts';
import { fail } from './errors.ts';
import { Journal } from './github/journal.ts';
import type { Workflow } from './github/workflow.ts';
import { apply, type Plan, type Planner, plan } from './plan/engine.ts';
import { egressAddress } from './postgres/egress-address.ts';
import { type LoginTarget, login, type Session } from './postgres/login.ts';
import { reach } from './postgres/reach.ts';
import type { Story } from './report.ts';
import { serverChildren, servers } from './resources/catalogue.ts';
import { rangeOf } from './resources/firewall-rule.ts';
import { RunnerRule } from './temporary-rule.ts';
import type { Run } from './waiting.ts';

/** What every part of a route works with. */
export interface Act<C extends Config> {
  readonly workflow: Workflow;
  readonly run: Run;
  readonly config: C;
  readonly story: Story;
}

/** ARM as a mode meets it; without a writer the mode can only read. */
export interface ControlPlane {
  readonly connected: Connected;
  readonly reader: AzureReader;
  readonly writer: AzureWriter | undefined;
}

/** Signs in and journals how, for `post`. Only `ensure` is given a writer (design.md, one path for every mode). */
export function openControlPlane({ workflow, run, config }: Act<Config>): ControlPlane {
  const endpoints = endpointsFor(config);
  const { clientSecret: _, ...signIn } = config.signIn;
  new Journal(workflow).writeSignIn({ signIn, endpoints });
  const connected = connect(workflow, config.signIn, endpoints);
  const reader = new AzureReader(connected.clients, run, config.server);
  const writer = config.mode === 'ensure' ? new AzureWriter(connected.clients, run, reader) : undefined;
  return { connected, reader, writer };
}

/**
 * One pass over some kinds: observe, diff, and apply where there is a writer.
 * @param permit may refuse the plan before its first write
 * @throws with a writer, why something could not be seen: unknown is never taken for absent (law 8)
 */
export async function pass<R, W>(
  story: Story,
  planners: readonly Planner<R, W>[],
  config: Config,
  { reader, writer }: { reader: R; writer: W | undefined },
  permit: (plan: Plan<W>) => void = () => {},
): Promise<Plan<W>> {
  const planned = await plan(planners, config, reader);
  story.planned(planned);
  if (writer === undefined) return planned;
  if (planned.unknown[0]) throw planned.unknown[0];
  permit(planned);
  await apply(planned, writer, story);
  return planned;
}

/** Control plane: group and server, then what is kept in it. Returns the server once it is Ready. */
export async function ensureServer(
  { run, config, story }: Act<Config>,
  azure: ControlPlane,
): Promise<FoundServer> {
  const planned = await pass(story, servers, config, azure, (p) => requireCreatable(config, p));
  const found = await readyServer(run, azure.reader);
  const { fullyQualifiedDomainName: host, id, version, location, sku } = found.server;
  run.info(
    `Server '${found.name}' in resource group '${found.resourceGroup}': PostgreSQL ${version}, ${sku?.name}, ${location}, at ${host}.`,
  );
  story.host = host;
  story.serverId = id;
  // Parameters of a server that this run made are part of making it.
  const created = planned.steps.some(
    ({ change }) => change.resource === 'server' && change.action === 'create',
  );
  const declared: Config = created && config.mode === 'ensure' ? { ...config, onDrift: 'fix' } : config;
  await pass(story, serverChildren, declared, azure);
  return found;
}

/** Faults that matter only to a creation, all of them, before the first write. */
function requireCreatable(config: Config, { steps }: Plan<AzureWriter>): void {
  if (!steps.some(({ change }) => change.action === 'create')) return;
  const faults = creationFaults(config);
  if (faults.length > 0) throw fail('creation-inputs-invalid', { server: config.server.name, faults });
}

/** Logs in, through a way of our own in the firewall where nothing else lets this runner in. */
export async function reachServer(
  { workflow, run, config, story }: Act<Config>,
  { connected, reader, writer }: ControlPlane,
  { server }: FoundServer,
  target: LoginTarget,
): Promise<Session> {
  if (writer === undefined) throw new Error('reaching needs a writer');
  const journal = new Journal(workflow);
  const rule = new RunnerRule(writer, reader, workflow, journal, config.firewall.keepRule);
  const session = await reach(run, target, {
    login: (timeout) => login(target, timeout, run.signal),
    rules: async () => (await reader.firewallRules()).map((r) => ({ name: r.name ?? '', ...rangeOf(r) })),
    givenAddress: config.firewall.runnerIp,
    egressAddress: () => egressAddress(connected.echoServices, run.signal),
    isOfThisJob: (name) => journal.isOfThisJob(name),
    open: (address, needed) => rule.open(address, needed),
    publicAccess: hasPublicAccess(server),
  }).finally(() => {
    story.openedFor = rule.openedFor;
    if (rule.change) story.made(rule.change);
  });
  run.info(`Logged in to ${target.host} as '${target.user}' over verified TLS.`);
  return session;
}

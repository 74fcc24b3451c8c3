import type { Server } from '@azure/arm-postgresql-flexible';
import { AzureReader, type FoundServer } from './azure/reader.ts';
import { hasPublicAccess, readyServer } from './azure/ready.ts';
import { AzureWriter } from './azure/writer.ts';
import type { CheckConfig, Config, EnsureConfig } from './config/config.ts';
import { creationFaults } from './config/creation.ts';
import { type Connected, connect, endpointsFor } from './context.ts';
import { fail } from './errors.ts';
import { Journal } from './github/journal.ts';
import type { Workflow } from './github/workflow.ts';
import { apply, type Plan, type Planner, plan } from './plan/engine.ts';
import { egressAddress } from './postgres/egress-address.ts';
import { type LoginTarget, login } from './postgres/login.ts';
import type { Ways } from './postgres/reach.ts';
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

/** ARM to a mode that only reads. */
export interface ControlPlane {
  readonly connected: Connected;
  readonly reader: AzureReader;
}

/** ARM to a mode that writes too. */
export interface WritableControlPlane extends ControlPlane {
  readonly writer: AzureWriter;
}

/** Signs in and journals how, for `post`. */
export function openControlPlane({ workflow, run, config }: Act<EnsureConfig | CheckConfig>): ControlPlane {
  const endpoints = endpointsFor(config);
  const { clientSecret: _, ...signIn } = config.signIn;
  new Journal(workflow).writeSignIn({ signIn, endpoints });
  const connected = connect(workflow, config.signIn, endpoints);
  return { connected, reader: new AzureReader(connected.clients, run, config.server) };
}

/** Adds the writer, which a mode that only reads never constructs (design.md, one path for every mode). */
export function writable(
  { run }: Act<EnsureConfig>,
  { connected, reader }: ControlPlane,
): WritableControlPlane {
  return { connected, reader, writer: new AzureWriter(connected.clients, run, reader) };
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
  { reader, writer }: { readonly reader: R; readonly writer?: W | undefined },
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
  { run, config, story }: Act<EnsureConfig>,
  azure: WritableControlPlane,
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
  const declared: EnsureConfig = created ? { ...config, onDrift: 'fix' } : config;
  await pass(story, serverChildren, declared, azure);
  return found;
}

/** Faults that matter only to a creation, all of them, before the first write. */
function requireCreatable(config: Config, { steps }: Plan<AzureWriter>): void {
  if (!steps.some(({ change }) => change.action === 'create')) return;
  const faults = creationFaults(config);
  if (faults.length > 0) throw fail('creation-inputs-invalid', { server: config.server.name, faults });
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
    act: Act<EnsureConfig>,
    { connected, reader, writer }: WritableControlPlane,
    { server }: FoundServer,
  ) {
    this.#act = act;
    this.#server = server;
    this.#reader = reader;
    this.#echoServices = connected.echoServices;
    this.#journal = new Journal(act.workflow);
    this.#rule = new RunnerRule(writer, reader, act.workflow, this.#journal, act.config.firewall.keepRule);
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
    const result = await this.#rule.open(address, needed);
    story.openedFor = this.#rule.openedFor;
    if (this.#rule.change) story.made(this.#rule.change);
    return result;
  }
}

import type { AzureClients } from '../azure/clients.ts';
import { resolveIpEchoUrls } from '../azure/clouds.ts';
import { connectToAzure, type SignIn } from '../azure/connection.ts';
import { AzureReader, type FoundServer } from '../azure/reader.ts';
import { toServerFacts } from '../azure/server-facts.ts';
import { AzureWriter } from '../azure/writer.ts';
import { captureNetworkSettings, logNetworkSettings } from '../common/network.ts';
import type { RunContext } from '../common/polling.ts';
import type { ServerFacts } from '../common/server-facts.ts';
import { EarlyConnection } from '../connect/early-connection.ts';
import { ServerConnections } from '../connect/server-connections.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { GitHubApi } from '../github/api.ts';
import type { ActionState } from '../github/state.ts';
import { findSecretWarnings } from '../inputs/parse/parse-config.ts';
import type { CheckConfig, Config } from '../inputs/types.ts';
import { adminLogin, type EarlyLogin, type LoginTarget, startEarlyLogin } from '../postgres/login.ts';
import type { Reporter } from '../reporting/reporter.ts';
import { childReads } from '../resources/index.ts';

/** The configuration of a mode that writes, and therefore has an administrator. */
export type WritingConfig = Exclude<Config, CheckConfig>;

/** What every part of a mode works with. */
export interface ModeContext<C extends Config> {
  readonly runtime: ActionsRuntime;
  readonly run: RunContext;
  readonly config: C;
  readonly state: ActionState;
  readonly signIn: SignIn;
  /** GitHub's API for the repository of this run. */
  readonly gitHub: GitHubApi;
  readonly reporter: Reporter;
}

/** Azure Resource Manager for a mode that only reads. */
export interface ControlPlane {
  readonly clients: AzureClients;
  readonly reader: AzureReader;
}

/** Azure Resource Manager for a mode that also writes, and the first connection to PostgreSQL. */
export interface WritableControlPlane extends ControlPlane {
  readonly writer: AzureWriter;
  /** Undefined if no host name follows from the inputs. */
  readonly early: EarlyConnection | undefined;
  /**
   * Starts a login that the run resumes later, if nothing changes until then. It ends with the run, unless it was resumed.
   * `timeoutMs` in milliseconds.
   */
  readonly startLogin: (target: LoginTarget, timeoutMs: number) => EarlyLogin;
}

/** Saves for `post` how this run signs in. Warns before about secrets that probably contain a mistake. */
export function saveSignIn({ run, config, state, signIn }: ModeContext<Config>): void {
  for (const warning of findSecretWarnings(config)) run.warning(warning);
  const { clientSecret: _, ...saved } = config.signIn;
  const network = captureNetworkSettings(process.env);
  state.saveSignIn({ way: signIn.authMethod, signIn: saved, cloud: config.cloud, network });
  logNetworkSettings(process.env, run.info);
}

/** The host name that the server has, if it exists; undefined if only ARM knows it. */
export function expectedHost({ config, signIn }: ModeContext<Config>): string | undefined {
  const { name, isNameIpAddress } = config.server;
  return isNameIpAddress ? undefined : `${name}${signIn.endpoints.hostSuffix}`;
}

/** Creates the clients, and starts to read the server and what the run needs of its children. */
export async function openControlPlane({ run, config, signIn }: ModeContext<Config>): Promise<ControlPlane> {
  const clients = await connectToAzure(signIn, run);
  const reader = new AzureReader(clients, run, config.server);
  reader.startReads(childReads(config));
  return { clients, reader };
}

/**
 * Adds the writer, which `mode: check` never has, and starts the first connection to PostgreSQL while the run signs in.
 * Ends that connection, and reads that nobody has requested, with the work.
 */
export async function withWriter(
  ctx: ModeContext<WritingConfig>,
  work: (azure: WritableControlPlane) => Promise<void>,
): Promise<void> {
  const { run, config } = ctx;
  saveSignIn(ctx);
  const { clients, reader } = await openControlPlane(ctx);
  // After the client of Azure is loaded, so that its requests are sent as soon as the sign-in ends.
  const host = expectedHost(ctx);
  const early =
    host === undefined
      ? undefined
      : new EarlyConnection({
          run,
          administrator: administratorLogin(ctx, host, {}),
          ipEchoUrls: resolveIpEchoUrls(process.env),
          runnerIp: config.firewall.runnerIp,
          isCurrent: reader.trackChanges(),
        });
  const logins: EarlyLogin[] = [];
  const startLogin: WritableControlPlane['startLogin'] = (target, timeoutMs) => {
    const login = startEarlyLogin(target, timeoutMs, run.signal, reader.trackChanges());
    logins.push(login);
    return login;
  };
  try {
    await work({ clients, reader, writer: new AzureWriter(clients, run, reader), early, startLogin });
  } finally {
    early?.discard();
    for (const login of logins) login.discard();
    reader.discardReads();
  }
}

/**
 * The administrator in `postgres`. A drop frees storage, which is what a server that is read-only for lack of storage needs.
 */
export const administratorLogin = (
  { runtime, config }: ModeContext<WritingConfig>,
  host: string,
  serverFacts: ServerFacts,
): LoginTarget => ({
  ...adminLogin(host, config.administrator, runtime.applicationName, serverFacts),
  writesToReadOnlyServer: config.mode !== 'ensure',
});

/** @throws if ARM names no host, because PostgreSQL's client would take one from the environment */
export function createConnections(
  ctx: ModeContext<WritingConfig>,
  { writer, early }: WritableControlPlane,
  { name, server }: FoundServer,
): ServerConnections {
  const { runtime, config, state, reporter } = ctx;
  const host = server.fullyQualifiedDomainName;
  if (!host) throw new Error(`Azure names no host for server '${name}'`);
  const { runnerIp, keepRule } = config.firewall;
  return new ServerConnections({
    administrator: administratorLogin(ctx, host, toServerFacts(server)),
    early,
    server,
    writer,
    state,
    runIdentity: runtime.runIdentity,
    ipEchoUrls: resolveIpEchoUrls(process.env),
    runnerIp,
    keepRule,
    onRuleRequest: (address) => reporter.recordRunnerRule(address),
    onPersistentRule: (change) => reporter.onApplied(change),
  });
}

import { selectAuthMethod } from '../azure/auth-method.ts';
import type { AzureClients } from '../azure/clients.ts';
import { type Endpoints, resolveEndpoints, resolveIpEchoUrls } from '../azure/clouds.ts';
import { connectToAzure } from '../azure/connection.ts';

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
import type { AuthMethod, CheckConfig, Config } from '../inputs/types.ts';
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
  /** GitHub's API for the repository of this run. */
  readonly gitHub: GitHubApi;
  readonly reporter: Reporter;
}

/** Azure Resource Manager for a mode that only reads. */
export interface ControlPlane {
  readonly clients: AzureClients;
  /** The host name that the server has, if it exists; undefined if only ARM knows it. */
  readonly expectedHost: string | undefined;
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

/** How a run signs in, and where, which is known before Azure has answered. */
export interface SignIn {
  readonly authMethod: AuthMethod;
  readonly endpoints: Endpoints;
  /** The host name that the server has, if it exists; undefined if only ARM knows it. */
  readonly expectedHost: string | undefined;
}

/** Saves for `post` how this run signs in. Warns before about secrets that probably contain a mistake. */
export function prepareSignIn({ runtime, run, config, state }: ModeContext<Config>): SignIn {
  for (const warning of findSecretWarnings(config)) run.warning(warning);
  const { clientSecret: _, ...signIn } = config.signIn;
  const authMethod = selectAuthMethod(config.signIn, runtime.canRequestIdToken);
  const network = captureNetworkSettings(process.env);
  state.saveSignIn({ way: authMethod, signIn, cloud: config.cloud, network });
  logNetworkSettings(process.env, run.info);
  const endpoints = resolveEndpoints(config.cloud, process.env);
  const { name, isNameIpAddress } = config.server;
  const expectedHost = isNameIpAddress ? undefined : `${name}${endpoints.hostSuffix}`;
  return { authMethod, endpoints, expectedHost };
}

/** Creates the clients, and starts to read the server and what the run needs of its children. */
export async function openControlPlane(
  { runtime, run, config }: ModeContext<Config>,
  { authMethod, endpoints, expectedHost }: SignIn,
): Promise<ControlPlane> {
  const clients = await connectToAzure(runtime, authMethod, config.signIn, endpoints);
  const reader = new AzureReader(clients, run, config.server);
  reader.startReads(childReads(config));
  return { clients, reader, expectedHost };
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
  const signIn = prepareSignIn(ctx);
  const { expectedHost } = signIn;
  // Nothing can change before the libraries are loaded that the reader needs.
  let isCurrent = (): boolean => true;
  const early =
    expectedHost === undefined
      ? undefined
      : new EarlyConnection({
          run,
          administrator: administratorLogin(ctx, expectedHost, {}),
          ipEchoUrls: resolveIpEchoUrls(process.env),
          runnerIp: config.firewall.runnerIp,
          isCurrent: () => isCurrent(),
        });
  const logins: EarlyLogin[] = [];
  let reader: AzureReader | undefined;
  try {
    const controlPlane = await openControlPlane(ctx, signIn);
    const opened = controlPlane.reader;
    reader = opened;
    isCurrent = opened.trackChanges();
    const startLogin: WritableControlPlane['startLogin'] = (target, timeoutMs) => {
      const login = startEarlyLogin(target, timeoutMs, run.signal, opened.trackChanges());
      logins.push(login);
      return login;
    };
    const writer = new AzureWriter(controlPlane.clients, run, opened);
    await work({ ...controlPlane, writer, early, startLogin });
  } finally {
    early?.discard();
    for (const login of logins) login.discard();
    reader?.discardReads();
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

import { selectAuthMethod } from '../azure/auth-method.ts';
import { resolveEndpoints } from '../azure/clouds.ts';
import { type AzureConnection, connectToAzure } from '../azure/connection.ts';

import { AzureReader, type FoundServer } from '../azure/reader.ts';
import { toServerFacts } from '../azure/server-facts.ts';
import { AzureWriter } from '../azure/writer.ts';
import { captureNetworkSettings, logNetworkSettings } from '../common/network.ts';
import type { RunContext } from '../common/polling.ts';
import { ServerConnections } from '../connect/server-connections.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import type { GitHubApi } from '../github/api.ts';
import type { ActionState } from '../github/state.ts';
import { findSecretWarnings } from '../inputs/parse/parse-config.ts';
import type { CheckConfig, Config } from '../inputs/types.ts';
import { adminLogin } from '../postgres/login.ts';
import type { Reporter } from '../reporting/reporter.ts';

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
  readonly azureConnection: AzureConnection;
  readonly reader: AzureReader;
}

/** Azure Resource Manager for a mode that also writes. */
export interface WritableControlPlane extends ControlPlane {
  readonly writer: AzureWriter;
}

/**
 * Creates the clients, which sign in at their first request, and saves for `post` how they sign in. Warns before about
 * secrets that probably contain a mistake.
 */
export async function openControlPlane({
  runtime,
  run,
  config,
  state,
}: ModeContext<Config>): Promise<ControlPlane> {
  for (const warning of findSecretWarnings(config)) run.warning(warning);
  const { clientSecret: _, ...signIn } = config.signIn;
  const authMethod = selectAuthMethod(config.signIn, runtime.canRequestIdToken);
  const network = captureNetworkSettings(process.env);
  state.saveSignIn({ way: authMethod, signIn, cloud: config.cloud, network });
  logNetworkSettings(process.env, run.info);
  const endpoints = resolveEndpoints(config.cloud, process.env);
  const azureConnection = await connectToAzure(runtime, authMethod, config.signIn, endpoints);
  return { azureConnection, reader: new AzureReader(azureConnection.clients, run, config.server) };
}

/** Adds the writer, which `mode: check` never has. */
export function withWriter(
  { run }: ModeContext<WritingConfig>,
  { azureConnection, reader }: ControlPlane,
): WritableControlPlane {
  return { azureConnection, reader, writer: new AzureWriter(azureConnection.clients, run, reader) };
}

/** @throws if ARM names no host, because PostgreSQL's client would take one from the environment */
export function createConnections(
  { runtime, config, state, reporter }: ModeContext<WritingConfig>,
  { azureConnection, writer }: WritableControlPlane,
  { name, server }: FoundServer,
): ServerConnections {
  const host = server.fullyQualifiedDomainName;
  if (!host) throw new Error(`Azure names no host for server '${name}'`);
  const { runnerIp, keepRule } = config.firewall;
  const administrator = adminLogin(
    host,
    config.administrator,
    runtime.applicationName,
    toServerFacts(server),
  );
  return new ServerConnections({
    // A drop frees storage, which is what a server that is read-only for lack of storage needs.
    administrator: { ...administrator, writesToReadOnlyServer: config.mode !== 'ensure' },
    server,
    writer,
    state,
    runIdentity: runtime.runIdentity,
    ipEchoUrls: azureConnection.ipEchoUrls,
    runnerIp,
    keepRule,
    onRuleRequest: (address) => reporter.recordRunnerRule(address),
    onPersistentRule: (change) => reporter.onApplied(change),
  });
}

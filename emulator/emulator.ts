import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONTROL_PATH, controlHandler } from './admin/control-api.ts';
import { CertificateAuthority, type IssuedCertificate } from './core/certificates.ts';
import { ClientAddressMap } from './core/client-address-map.ts';
import { FaultRegistry } from './core/faults.ts';
import { HostsFile } from './core/hosts-file.ts';
import { type HttpListener, startListener } from './core/http-listener.ts';
import type { HttpHandler, ServiceName } from './core/http-types.ts';
import { createIdentity, type EmulatorIdentity } from './core/identity.ts';
import { RequestRecorder } from './core/request-recorder.ts';
import { createServiceResponder } from './core/service-pipeline.ts';
import { SigningKey } from './core/signing-key.ts';
import { Timers } from './core/timers.ts';
import { DEFAULT_OPTIONS, type EmulatorOptions } from './options.ts';
import type { PostgresFactory } from './postgres/types.ts';
import { AccessControl } from './services/arm/access-control.ts';
import type { ArmContext } from './services/arm/arm-context.ts';
import { armHandler } from './services/arm/arm-service.ts';
import { ArmStore } from './services/arm/arm-store.ts';
import { Operations } from './services/arm/operations.ts';
import { AccessTokenIssuer } from './services/entra/access-tokens.ts';
import { Directory } from './services/entra/directory.ts';
import { entraHandler } from './services/entra/entra-service.ts';
import { FederatedCredentials } from './services/entra/federated-credentials.ts';
import { managedIdentityHandler } from './services/entra/managed-identity.ts';
import { gitHubHandler } from './services/github/github-service.ts';
import { GitHubStore } from './services/github/github-store.ts';
import { graphHandler } from './services/graph/graph-service.ts';
import { ipEchoHandler } from './services/ip-echo.ts';
import { oidcHandler } from './services/oidc.ts';

/** The line that the emulator prints when it is ready, see emulator/README.md. */
export interface ReadyLine {
  readonly event: 'ready';
  /** Base URL of the control API, without a trailing slash. */
  readonly control: string;
  /** Path of the root certificate (PEM). */
  readonly ca: string;
  /** The client secret of the application. */
  readonly clientSecret: string;
  /** Base URL of Microsoft Graph, which is also the resource of its tokens. */
  readonly graph: string;
  /** The environment variables with which a process uses the emulator instead of Azure and GitHub. */
  readonly env: Readonly<Record<string, string>>;
  /** Additional environment variables for the sign-in with a managed identity. */
  readonly managedIdentity: { readonly env: Readonly<Record<string, string>> };
}

export interface Emulator {
  readonly readyLine: ReadyLine;
  /** The root certificate (PEM), for clients in this process. */
  readonly caCertificate: string;
  /** Stop the emulator and its servers, and remove its files. Idempotent. */
  close(): Promise<void>;
}

/** What an emulator consists of, without its listeners and PostgreSQL. */
interface EmulatorServices {
  readonly options: EmulatorOptions;
  readonly identity: EmulatorIdentity;
  readonly filesDirectory: string;
  readonly hosts: HostsFile | undefined;
  readonly certificateAuthority: CertificateAuthority;
  readonly clientAddresses: ClientAddressMap;
  readonly timers: Timers;
  readonly recorder: RequestRecorder;
  readonly faults: FaultRegistry;
  readonly store: ArmStore;
  readonly accessControl: AccessControl;
  readonly directory: Directory;
  readonly operations: Operations;
  readonly gitHub: GitHubStore;
  readonly federatedCredentials: FederatedCredentials;
}

class LazyPostgres {
  readonly #services: EmulatorServices;
  #factory: Promise<PostgresFactory> | undefined;

  constructor(services: EmulatorServices) {
    this.#services = services;
  }

  /** The factory, loaded for the first server, so that the emulator starts fast. */
  getFactory(): Promise<PostgresFactory> {
    this.#factory ??= this.#load();
    return this.#factory;
  }

  async #load(): Promise<PostgresFactory> {
    const { options, filesDirectory, certificateAuthority, clientAddresses, faults } = this.#services;
    if (options.postgres) return options.postgres;
    const { createPostgresFactory } = await import('./postgres/postgres-factory.ts');
    return createPostgresFactory({
      directory: filesDirectory,
      certificates: certificateAuthority,
      clientAddresses,
      preparedTemplateDirectory: options.postgresTemplateDirectory,
      findHold: (statement) => {
        const effect = faults.consume('postgres', { statement });
        return effect && 'hold' in effect ? effect : undefined;
      },
    });
  }

  async close(): Promise<void> {
    const factory = await this.#factory?.catch(() => undefined);
    await factory?.close();
  }
}

interface Listeners {
  readonly arm: HttpListener;
  readonly entra: HttpListener;
  readonly graph: HttpListener;
  readonly github: HttpListener;
  readonly oidc: HttpListener;
  readonly ipEchoes: readonly HttpListener[];
  readonly managedIdentity: HttpListener;
  readonly control: HttpListener;
}

function listenForService(
  services: EmulatorServices,
  service: ServiceName,
  handler: HttpHandler,
  certificate?: IssuedCertificate,
): Promise<HttpListener> {
  const { latencyMs } = services.options;
  return startListener(createServiceResponder(service, handler, services, latencyMs), certificate);
}

async function startListeners(services: EmulatorServices, lazyPostgres: LazyPostgres): Promise<Listeners> {
  const { identity, options, clientAddresses } = services;
  const certificate = await services.certificateAuthority.issue(['localhost', '127.0.0.1']);
  const gitHubKey = new SigningKey();
  const tokens = new AccessTokenIssuer(new SigningKey(), identity, options.tokenLifetimeSeconds);
  const arm: ArmContext = {
    ...services,
    tenantId: identity.tenantId,
    getPostgresFactory: () => lazyPostgres.getFactory(),
  };
  const serveTls = (service: ServiceName, handler: HttpHandler) =>
    listenForService(services, service, handler, certificate);
  const control = controlHandler(services);
  const [armListener, entra, graph, github, oidc, managedIdentity, controlListener, ...ipEchoes] =
    await Promise.all([
      serveTls('arm', armHandler(arm, tokens)),
      serveTls('entra', entraHandler({ identity, gitHubKey, directory: services.directory, tokens })),
      serveTls('graph', graphHandler(services.directory, tokens)),
      serveTls('github', gitHubHandler(services.gitHub)),
      serveTls('oidc', oidcHandler(identity, gitHubKey, services.gitHub)),
      listenForService(services, 'entra', managedIdentityHandler(tokens)),
      startListener(async (request) => ({ reply: await control(request) }), certificate),
      serveTls('echo', ipEchoHandler(clientAddresses, 0)),
      serveTls('echo', ipEchoHandler(clientAddresses, 1)),
    ]);
  tokens.graphAudiences.push(graph.url);
  return {
    arm: armListener,
    entra,
    graph,
    github,
    oidc,
    ipEchoes,
    managedIdentity,
    control: controlListener,
  };
}

/** The preload with which a Node.js process resolves the names of the servers. */
const RESOLVER = join(import.meta.dirname, 'core', 'resolve-host-names.cjs');

function buildReadyLine(
  { identity, filesDirectory, hosts }: EmulatorServices,
  listeners: Listeners,
): ReadyLine {
  const ca = join(filesDirectory, 'ca.pem');
  return {
    event: 'ready',
    control: `${listeners.control.url}${CONTROL_PATH}`,
    ca,
    clientSecret: identity.clientSecret,
    graph: listeners.graph.url,
    env: {
      ...(hosts && {
        NODE_OPTIONS: `--require=${JSON.stringify(RESOLVER)}`,
        EMULATOR_HOSTS_FILE: hosts.path,
      }),
      NODE_EXTRA_CA_CERTS: ca,
      AZURE_AUTHORITY_HOST: listeners.entra.url,
      AZURE_RESOURCE_MANAGER_ENDPOINT: listeners.arm.url,
      AZURE_CLIENT_ID: identity.clientId,
      AZURE_TENANT_ID: identity.tenantId,
      AZURE_SUBSCRIPTION_ID: identity.subscriptionIds[0],
      ACTIONS_ID_TOKEN_REQUEST_URL: `${listeners.oidc.url}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: identity.oidcRequestToken,
      GITHUB_API_URL: listeners.github.url,
      IP_ECHO_URLS: listeners.ipEchoes.map(({ url }) => `${url}/`).join(','),
    },
    managedIdentity: { env: { AZURE_POD_IDENTITY_AUTHORITY_HOST: listeners.managedIdentity.url } },
  };
}

async function createServices(options: EmulatorOptions): Promise<EmulatorServices> {
  const filesDirectory = await mkdtemp(join(tmpdir(), 'azure-emulator-'));
  // PostgreSQL's files can be below this directory, and it runs as another user if the emulator runs as root.
  await chmod(filesDirectory, 0o711);
  const certificateAuthority = await CertificateAuthority.create();
  await writeFile(join(filesDirectory, 'ca.pem'), certificateAuthority.pem, { mode: 0o644 });
  const identity = createIdentity();
  const timers = new Timers();
  const federatedCredentials = new FederatedCredentials(options.trustedRepositories);
  return {
    options,
    identity,
    filesDirectory,
    hosts: options.hostNames ? new HostsFile(join(filesDirectory, 'hosts')) : undefined,
    certificateAuthority,
    timers,
    clientAddresses: new ClientAddressMap(),
    recorder: new RequestRecorder(),
    faults: new FaultRegistry(),
    store: new ArmStore(identity.subscriptionIds),
    operations: new Operations(timers, options.retryAfterScale),
    gitHub: new GitHubStore(),
    federatedCredentials,
    accessControl: new AccessControl(identity.subscriptionIds, identity.objectId),
    directory: new Directory(identity, federatedCredentials),
  };
}

async function closeEverything(
  services: EmulatorServices,
  lazyPostgres: LazyPostgres,
  listeners: Listeners,
): Promise<void> {
  services.timers.cancelAll();
  services.faults.remove();
  const { ipEchoes, ...others } = listeners;
  await Promise.all([...Object.values(others), ...ipEchoes].map((listener) => listener.close()));
  await lazyPostgres.close();
  await services.operations.waitForAll();
  await rm(services.filesDirectory, { recursive: true, force: true });
}

/**
 * Start an emulator: ARM, Entra ID, GitHub's OIDC and REST services, the services that return the caller's address, and the
 * control API. Each listens on a free port of 127.0.0.1 with a certificate of the emulator's own authority. PostgreSQL is
 * loaded for the first server.
 */
export async function startEmulator(overrides: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const services = await createServices({ ...DEFAULT_OPTIONS, ...overrides });
  const lazyPostgres = new LazyPostgres(services);
  const listeners = await startListeners(services, lazyPostgres).catch(async (error: unknown) => {
    await rm(services.filesDirectory, { recursive: true, force: true });
    throw error;
  });
  let closePromise: Promise<void> | undefined;
  return {
    readyLine: buildReadyLine(services, listeners),
    caCertificate: services.certificateAuthority.pem,
    close: () => {
      closePromise ??= closeEverything(services, lazyPostgres, listeners);
      return closePromise;
    },
  };
}

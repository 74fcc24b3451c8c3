import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArmContext } from './arm/call.ts';
import { armHandler } from './arm/index.ts';
import { Operations } from './arm/operations.ts';
import { Store } from './arm/store.ts';
import { CertificateAuthority, type IssuedCertificate } from './certificates.ts';
import { Clients } from './clients.ts';
import { Clock } from './clock.ts';
import { controlHandler, controlPath } from './control/index.ts';
import { echoHandler } from './echo.ts';
import { entraHandler } from './entra/index.ts';
import { managedIdentityHandler } from './entra/managed-identity.ts';
import { AccessTokens } from './entra/tokens.ts';
import { gitHubHandler } from './github/index.ts';
import { GitHub } from './github/store.ts';
import type { Handler, ServiceName } from './http/exchange.ts';
import { Faults } from './http/faults.ts';
import { type Listener, listen } from './http/listener.ts';
import { Recorder } from './http/recorder.ts';
import { serviceResponder } from './http/service.ts';
import { type Identity, newIdentity } from './identity.ts';
import { SigningKey } from './keys.ts';
import { oidcHandler } from './oidc.ts';
import { defaultOptions, type EmulatorOptions } from './options.ts';
import type { PostgresFactory } from './postgres/types.ts';

/** What the emulator says when it is ready (contract.md, "The emulator, alone"). */
export interface ReadyLine {
  readonly event: 'ready';
  /** Base of the control calls, no slash at the end. */
  readonly control: string;
  /** Path of the root certificate, PEM. */
  readonly ca: string;
  /** Signs the application in by the client-secret flow. */
  readonly clientSecret: string;
  /** What a process needs to take the emulator for Azure and for GitHub's services. */
  readonly env: Readonly<Record<string, string>>;
  /** What a process needs besides to sign in by managed identity. */
  readonly managedIdentity: { readonly env: Readonly<Record<string, string>> };
}

export interface Emulator {
  readonly ready: ReadyLine;
  /** The root certificate, PEM, for clients in this process. */
  readonly caCertificate: string;
  /** End it with everything it started, and remove its files. Idempotent. */
  close(): Promise<void>;
}

/** Everything that an emulator holds, in the order in which it was opened. */
interface Holdings {
  readonly options: EmulatorOptions;
  readonly identity: Identity;
  readonly directory: string;
  readonly authority: CertificateAuthority;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly faults: Faults;
  readonly store: Store;
  readonly operations: Operations;
  readonly gitHub: GitHub;
}

class DataPlane {
  readonly #holdings: Holdings;
  #factory: Promise<PostgresFactory> | undefined;

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
  }

  /** The factory, loaded with the first server, so that the emulator itself starts at once. */
  get(): Promise<PostgresFactory> {
    this.#factory ??= this.#load();
    return this.#factory;
  }

  async #load(): Promise<PostgresFactory> {
    const { options, directory, authority, clients, faults } = this.#holdings;
    if (options.postgres) return options.postgres;
    const { createPostgresFactory } = await import('./postgres/index.ts');
    return createPostgresFactory({
      directory,
      certificates: authority,
      clients,
      preparedTemplates: options.postgresTemplates,
      holdOf: (statement) => {
        const effect = faults.strike('postgres', { statement });
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
  readonly arm: Listener;
  readonly entra: Listener;
  readonly github: Listener;
  readonly oidc: Listener;
  readonly echoes: readonly Listener[];
  readonly managedIdentity: Listener;
  readonly control: Listener;
}

function serve(
  holdings: Holdings,
  service: ServiceName,
  handler: Handler,
  certificate?: IssuedCertificate,
): Promise<Listener> {
  const latency = service === 'arm' || service === 'entra' ? holdings.options.latency : 0;
  return listen(serviceResponder(service, handler, holdings, latency), certificate);
}

async function openListeners(holdings: Holdings, dataPlane: DataPlane): Promise<Listeners> {
  const { identity, options, clients } = holdings;
  const certificate = await holdings.authority.issue(['localhost', '127.0.0.1']);
  const gitHubKey = new SigningKey();
  const tokens = new AccessTokens(new SigningKey(), identity, options.tokenLifetime);
  const arm: ArmContext = { ...holdings, tenantId: identity.tenantId, postgres: () => dataPlane.get() };
  const secure = (service: ServiceName, handler: Handler) => serve(holdings, service, handler, certificate);
  const control = controlHandler(holdings);
  const [armListener, entra, github, oidc, managedIdentity, controlListener, ...echoes] = await Promise.all([
    secure('arm', armHandler(arm, tokens)),
    secure('entra', entraHandler({ identity, gitHubKey, tokens })),
    secure('github', gitHubHandler(holdings.gitHub)),
    secure('oidc', oidcHandler(identity, gitHubKey)),
    serve(holdings, 'entra', managedIdentityHandler(tokens)),
    listen(async (request) => ({ reply: await control(request) }), certificate),
    secure('echo', echoHandler(clients, 0)),
    secure('echo', echoHandler(clients, 1)),
  ]);
  return { arm: armListener, entra, github, oidc, echoes, managedIdentity, control: controlListener };
}

function readyLine({ identity, directory }: Holdings, listeners: Listeners): ReadyLine {
  const ca = join(directory, 'ca.pem');
  return {
    event: 'ready',
    control: `${listeners.control.url}${controlPath}`,
    ca,
    clientSecret: identity.clientSecret,
    env: {
      NODE_EXTRA_CA_CERTS: ca,
      AZURE_AUTHORITY_HOST: listeners.entra.url,
      AZURE_RESOURCE_MANAGER_ENDPOINT: listeners.arm.url,
      AZURE_CLIENT_ID: identity.clientId,
      AZURE_TENANT_ID: identity.tenantId,
      AZURE_SUBSCRIPTION_ID: identity.subscriptionIds[0],
      ACTIONS_ID_TOKEN_REQUEST_URL: `${listeners.oidc.url}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: identity.requestToken,
      GITHUB_API_URL: listeners.github.url,
      IP_ECHO_URLS: listeners.echoes.map(({ url }) => `${url}/`).join(','),
    },
    managedIdentity: { env: { AZURE_POD_IDENTITY_AUTHORITY_HOST: listeners.managedIdentity.url } },
  };
}

async function openHoldings(options: EmulatorOptions): Promise<Holdings> {
  const directory = await mkdtemp(join(tmpdir(), 'azure-emulator-'));
  // Traversable by everyone: PostgreSQL's files lie beneath, and under root it runs as another user.
  await chmod(directory, 0o711);
  const authority = await CertificateAuthority.create();
  await writeFile(join(directory, 'ca.pem'), authority.pem, { mode: 0o644 });
  const identity = newIdentity();
  const clock = new Clock();
  return {
    options,
    identity,
    directory,
    authority,
    clock,
    clients: new Clients(),
    recorder: new Recorder(),
    faults: new Faults(),
    store: new Store(identity.subscriptionIds),
    operations: new Operations(clock, options.retryAfter),
    gitHub: new GitHub(),
  };
}

async function closeAll(holdings: Holdings, dataPlane: DataPlane, listeners: Listeners): Promise<void> {
  holdings.clock.end();
  holdings.faults.remove();
  const { echoes, ...others } = listeners;
  await Promise.all([...Object.values(others), ...echoes].map((listener) => listener.close()));
  await dataPlane.close();
  await holdings.operations.settled();
  await rm(holdings.directory, { recursive: true, force: true });
}

/**
 * Start an Azure of one's own: ARM, Entra ID, GitHub's OIDC and REST services, address echoes and control, each on a
 * port of 127.0.0.1 that the system chooses, behind a certificate authority of its own. PostgreSQL is started with the
 * first server.
 */
export async function startEmulator(given: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const holdings = await openHoldings({ ...defaultOptions, ...given });
  const dataPlane = new DataPlane(holdings);
  const listeners = await openListeners(holdings, dataPlane).catch(async (error: unknown) => {
    await rm(holdings.directory, { recursive: true, force: true });
    throw error;
  });
  let closing: Promise<void> | undefined;
  return {
    ready: readyLine(holdings, listeners),
    caCertificate: holdings.authority.pem,
    close: () => {
      closing ??= closeAll(holdings, dataPlane, listeners);
      return closing;
    },
  };
}

import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { EmulatorIdentity } from '../../core/identity.ts';
import { type FederatedCredentials, matchCredential } from './federated-credentials.ts';

/** The largest number of federated credentials of an application or of a managed identity. */
export const MAX_FEDERATED_CREDENTIALS = 20;

/** A federated credential with its name, as Microsoft Graph and the managed identities show it. */
export interface NamedCredential {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly description: string | undefined;
}

/** An application or a user-assigned managed identity. */
export interface DirectoryClient {
  readonly clientId: string;
  readonly displayName: string;
  /** Object id of the application object; undefined for a managed identity, which has none. */
  readonly applicationId: string | undefined;
  /** Object id of the service principal; undefined until it is created. Roles are assigned to it. */
  principalId: string | undefined;
  readonly secrets: Set<string>;
  readonly federatedCredentials: Map<string, NamedCredential>;
  /** @throws {EntraError} AADSTS700211, 700212, 700213 or 7002138 */
  checkAssertion(claims: JWTPayload): void;
}

/** The applications and managed identities of the emulated tenant. */
export class Directory {
  readonly #clients = new Map<string, DirectoryClient>();

  /** @param registered what is registered for the application in `identity`, beside what Microsoft Graph adds */
  constructor(identity: EmulatorIdentity, registered: FederatedCredentials) {
    const federatedCredentials = new Map<string, NamedCredential>();
    this.#add({
      clientId: identity.clientId,
      displayName: 'relecloud',
      applicationId: randomUUID(),
      principalId: identity.objectId,
      secrets: new Set([identity.clientSecret]),
      federatedCredentials,
      checkAssertion: (claims) =>
        matchCredential(
          [...federatedCredentials.values(), ...registered.candidatesFor(String(claims.sub))],
          claims,
        ),
    });
  }

  get clients(): readonly DirectoryClient[] {
    return [...this.#clients.values()];
  }

  /** The client with this client id, in any case. */
  find(clientId: string): DirectoryClient | undefined {
    return this.#clients.get(clientId.toLowerCase());
  }

  findPrincipal(principalId: string): DirectoryClient | undefined {
    return this.clients.find((client) => client.principalId === principalId.toLowerCase());
  }

  /** An application without a service principal: it cannot sign in yet. */
  addApplication(displayName: string): DirectoryClient {
    return this.#create(displayName, randomUUID(), undefined);
  }

  /** A managed identity, which has its service principal at once and never a secret. */
  addManagedIdentity(displayName: string): DirectoryClient {
    return this.#create(displayName, undefined, randomUUID());
  }

  remove({ clientId }: DirectoryClient): void {
    this.#clients.delete(clientId);
  }

  #create(
    displayName: string,
    applicationId: string | undefined,
    principalId: string | undefined,
  ): DirectoryClient {
    const federatedCredentials = new Map<string, NamedCredential>();
    return this.#add({
      clientId: randomUUID(),
      displayName,
      applicationId,
      principalId,
      secrets: new Set(),
      federatedCredentials,
      checkAssertion: (claims) => matchCredential([...federatedCredentials.values()], claims),
    });
  }

  #add(client: DirectoryClient): DirectoryClient {
    this.#clients.set(client.clientId, client);
    return client;
  }
}

import { randomBytes, randomUUID } from 'node:crypto';

/** The application, the tenant and the repository of an emulator. */
export interface EmulatorIdentity {
  readonly tenantId: string;
  readonly clientId: string;
  /** Object id of the service principal, which is in ARM's header `x-ms-operation-identifier`. */
  readonly objectId: string;
  /** The client secret of the application. */
  readonly clientSecret: string;
  /** The bearer token with which a job requests its OIDC token. */
  readonly oidcRequestToken: string;
  /** The first one is in the environment variables of clients. The second one also exists. */
  readonly subscriptionIds: readonly [string, string];
}

/** Create new ids and secrets. Those of one emulator are not valid for another. */
export function createIdentity(): EmulatorIdentity {
  return {
    tenantId: randomUUID(),
    clientId: randomUUID(),
    objectId: randomUUID(),
    clientSecret: `${randomBytes(3).toString('hex')}~${randomBytes(24).toString('base64url')}`,
    oidcRequestToken: randomBytes(48).toString('base64url'),
    subscriptionIds: [randomUUID(), randomUUID()],
  };
}

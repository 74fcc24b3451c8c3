import { randomBytes, randomUUID } from 'node:crypto';

/** The one application, tenant and workflow that an emulator knows. */
export interface EmulatorIdentity {
  readonly tenantId: string;
  readonly clientId: string;
  /** The service principal's object id, which ARM sees in `x-ms-operation-identifier`. */
  readonly objectId: string;
  /** Signs the application in by the client-secret flow. */
  readonly clientSecret: string;
  /** The bearer token with which a job asks GitHub for its OIDC token. */
  readonly oidcRequestToken: string;
  /** The first is the one that clients are told of; the second exists beside it. */
  readonly subscriptionIds: readonly [string, string];
  /** `owner/name` of the repository whose workflows the application trusts. */
  readonly repository: string;
}

/** Fresh ids and secrets, so that nothing that works against one emulator works against another. */
export function createIdentity(): EmulatorIdentity {
  return {
    tenantId: randomUUID(),
    clientId: randomUUID(),
    objectId: randomUUID(),
    clientSecret: `${randomBytes(3).toString('hex')}~${randomBytes(24).toString('base64url')}`,
    oidcRequestToken: randomBytes(48).toString('base64url'),
    subscriptionIds: [randomUUID(), randomUUID()],
    repository: 'relecloud/space-travel',
  };
}

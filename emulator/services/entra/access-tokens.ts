import { randomUUID } from 'node:crypto';
import type { EmulatorIdentity } from '../../core/identity.ts';
import { nowInSeconds, type SigningKey } from '../../core/signing-key.ts';

/** The resources that Azure Resource Manager accepts tokens for, in all clouds. */
export const ARM_AUDIENCES = [
  'https://management.azure.com',
  'https://management.core.windows.net',
  'https://management.usgovcloudapi.net',
  'https://management.core.usgovcloudapi.net',
  'https://management.chinacloudapi.cn',
  'https://management.core.chinacloudapi.cn',
];

/**
 * The audience of a token for this resource, or undefined for an unknown resource. A trailing slash stays in the token:
 * its scope has two slashes (`https://management.core.windows.net//.default`).
 */
export function parseArmAudience(resource: string): string | undefined {
  return ARM_AUDIENCES.includes(resource.replace(/\/$/, '')) ? resource : undefined;
}

/** Signs access tokens for Azure Resource Manager, which verifies them with the same key. */
export class AccessTokenIssuer {
  readonly key: SigningKey;
  readonly identity: EmulatorIdentity;
  readonly lifetimeSeconds: number;
  /** The resources of Microsoft Graph. The emulated one has its own address, which clients take as its resource. */
  readonly graphAudiences: string[] = ['https://graph.microsoft.com'];

  constructor(key: SigningKey, identity: EmulatorIdentity, lifetimeSeconds: number) {
    this.key = key;
    this.identity = identity;
    this.lifetimeSeconds = lifetimeSeconds;
  }

  get issuer(): string {
    return `https://sts.windows.net/${this.identity.tenantId}/`;
  }

  /** The audience of a token for this resource of ARM or of Microsoft Graph, or undefined for an unknown resource. */
  parseAudience(resource: string): string | undefined {
    return this.graphAudiences.includes(resource.replace(/\/$/, '')) ? resource : parseArmAudience(resource);
  }

  /** A token for this audience, of the first application unless another principal is given. */
  issue(
    audience: string,
    { clientId, objectId }: Pick<EmulatorIdentity, 'clientId' | 'objectId'> = this.identity,
  ): Promise<string> {
    const { tenantId } = this.identity;
    const now = nowInSeconds();
    return this.key.sign({
      aud: audience,
      iss: this.issuer,
      iat: now,
      nbf: now,
      exp: now + this.lifetimeSeconds,
      appid: clientId,
      appidacr: '1',
      idp: this.issuer,
      idtyp: 'app',
      oid: objectId,
      sub: objectId,
      tid: tenantId,
      uti: randomUUID(),
      ver: '1.0',
    });
  }
}

import { randomUUID } from 'node:crypto';
import type { EmulatorIdentity } from '../../core/identity.ts';
import { nowInSeconds, type SigningKey } from '../../core/signing-key.ts';

/** Signs access tokens for Azure Resource Manager; ARM checks them with the same key. */
export class AccessTokenIssuer {
  readonly key: SigningKey;
  readonly identity: EmulatorIdentity;
  /** Seconds. */
  readonly lifetimeSeconds: number;

  constructor(key: SigningKey, identity: EmulatorIdentity, lifetime: number) {
    this.key = key;
    this.identity = identity;
    this.lifetimeSeconds = lifetime;
  }

  get issuer(): string {
    return `https://sts.windows.net/${this.identity.tenantId}/`;
  }

  /** A token for this audience, with the claims by which ARM knows the application. */
  issue(audience: string): Promise<string> {
    const { tenantId, clientId, objectId } = this.identity;
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

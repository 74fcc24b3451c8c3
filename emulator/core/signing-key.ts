import { randomUUID } from 'node:crypto';
import {
  exportJWK,
  type GenerateKeyPairResult,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';

/** An RS256 key that signs tokens. It is generated on first use, because that takes longer than the rest of the start. */
export class SigningKey {
  readonly id = randomUUID();
  #keyPair: Promise<GenerateKeyPairResult> | undefined;

  getKeyPair(): Promise<GenerateKeyPairResult> {
    this.#keyPair ??= generateKeyPair('RS256', { extractable: true });
    return this.#keyPair;
  }

  async sign(claims: JWTPayload): Promise<string> {
    const { privateKey } = await this.getKeyPair();
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: this.id })
      .sign(privateKey);
  }

  /** The public key as a JSON Web Key Set. */
  async toJwks(): Promise<{ keys: JWK[] }> {
    const { publicKey } = await this.getKeyPair();
    return { keys: [{ ...(await exportJWK(publicKey)), use: 'sig', alg: 'RS256', kid: this.id }] };
  }
}

/** Seconds since the epoch, as in the claims of tokens. */
export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';

/** The client side of SCRAM in the package pg, which exports no types for it. */
interface PgSaslClient {
  startSession(mechanisms: readonly string[]): SaslSession;
  continueSession(session: SaslSession, password: string, serverFirst: string): Promise<void>;
  finalizeSession(session: SaslSession, serverFinal: string): void;
}

interface SaslSession {
  readonly response: string;
}

const saslClient = createRequire(import.meta.url)('pg/lib/crypto/sasl') as PgSaslClient;

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * Whether a server that stores this verifier accepts a real client with this password (RFC 5802, section 3).
 * @throws the client's error when the verifier does not prove the server's identity
 */
export async function acceptsScramProof(verifier: string, password: string): Promise<boolean> {
  const [, iterations, salt, stored = '', serverKey = ''] = verifier.split(/[$:]/);
  const session = saslClient.startSession(['SCRAM-SHA-256']);
  const clientFirst = session.response.replace(/^n,,/, '');
  const serverFirst = `r=${/r=(.*)/.exec(clientFirst)?.[1]}server,s=${salt},i=${iterations}`;
  await saslClient.continueSession(session, password, serverFirst);
  const [withoutProof = '', proof = ''] = session.response.split(',p=');
  const authMessage = `${clientFirst},${serverFirst},${withoutProof}`;
  const storedKey = Buffer.from(stored, 'base64');
  const signature = hmac(storedKey, authMessage);
  const clientKey = Buffer.from(proof, 'base64').map((byte, i) => byte ^ (signature[i] ?? 0));
  if (!timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey)) return false;
  saslClient.finalizeSession(
    session,
    `v=${hmac(Buffer.from(serverKey, 'base64'), authMessage).toString('base64')}`,
  );
  return true;
}

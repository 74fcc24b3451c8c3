import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';

/** The half of SCRAM that the client pg plays; it has no types of its own. */
interface Client {
  startSession(mechanisms: readonly string[]): Session;
  continueSession(session: Session, password: string, serverFirst: string): Promise<void>;
  finalizeSession(session: Session, serverFinal: string): void;
}

interface Session {
  readonly response: string;
}

const client = createRequire(import.meta.url)('pg/lib/crypto/sasl') as Client;

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * Whether a server that stores this verifier lets a real client in by this password (RFC 5802, 3).
 * @throws the client's error, where the verifier's other half does not prove the server to it
 */
export async function proofAccepted(verifier: string, password: string): Promise<boolean> {
  const [, iterations, salt, stored = '', server = ''] = verifier.split(/[$:]/);
  const session = client.startSession(['SCRAM-SHA-256']);
  const first = session.response.replace(/^n,,/, '');
  const serverFirst = `r=${/r=(.*)/.exec(first)?.[1]}server,s=${salt},i=${iterations}`;
  await client.continueSession(session, password, serverFirst);
  const [withoutProof = '', proof = ''] = session.response.split(',p=');
  const exchange = `${first},${serverFirst},${withoutProof}`;
  const storedKey = Buffer.from(stored, 'base64');
  const signature = hmac(storedKey, exchange);
  const clientKey = Buffer.from(proof, 'base64').map((byte, i) => byte ^ (signature[i] ?? 0));
  if (!timingSafeEqual(createHash('sha256').update(clientKey).digest(), storedKey)) return false;
  client.finalizeSession(session, `v=${hmac(Buffer.from(server, 'base64'), exchange).toString('base64')}`);
  return true;
}

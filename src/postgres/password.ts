import { createHash, createHmac, hkdfSync, pbkdf2Sync, randomBytes } from 'node:crypto';

/** The inputs of the derivation, besides the key: another value gives another password. */
export interface PasswordContext {
  /** ARM's id of the server; case is ignored, because ARM's responses differ in it. */
  readonly serverId: string;
  readonly database: string;
  readonly role: string;
}

/**
 * Derives the application role's password from a secret key by HKDF-SHA-256, so that any later job derives the same one.
 * @param key at least 32 bytes, as hexadecimal digits
 * @returns 32 bytes, as 43 characters of base64url
 */
export function derivePassword(key: string, { serverId, database, role }: PasswordContext): string {
  const info = JSON.stringify([
    'azure-postgresql-action: password of an application role',
    serverId.toLowerCase(),
    database,
    role,
  ]);
  return Buffer.from(hkdfSync('sha256', Buffer.from(key, 'hex'), '', info, 32)).toString('base64url');
}

/** PostgreSQL's default, which every server accepts. */
const SCRAM_ITERATIONS = 4096;

/**
 * Computes the SCRAM verifier that PostgreSQL stores in pg_authid.rolpassword (RFC 5803). A statement that sets the
 * verifier does not contain the password, so no log does either.
 * @param salt 16 random bytes
 */
export function createScramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const saltedPassword = pbkdf2Sync(saslPrep(password), salt, SCRAM_ITERATIONS, 32, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', saltedPassword).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const serverKey = hmac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

const NON_ASCII_SPACES = /[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/gu;
// As alternatives, because some of them would combine with their neighbors in a character class.
const MAPPED_TO_NOTHING =
  /\u00AD|\u034F|\u1806|\u180B|\u180C|\u180D|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/gu;

/** The mapping and normalization of SASLprep (RFC 4013), which clients apply to a password before they use it. */
const saslPrep = (password: string): string =>
  password.replace(NON_ASCII_SPACES, ' ').replace(MAPPED_TO_NOTHING, '').normalize('NFKC');

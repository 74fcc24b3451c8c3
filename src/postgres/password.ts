import { createHash, createHmac, hkdfSync, pbkdf2Sync, randomBytes } from 'node:crypto';

/** What the application role's password is derived for: another of any of them gives another password. */
export interface PasswordContext {
  /** ARM's id of the server, whose case varies from answer to answer. */
  readonly serverId: string;
  readonly database: string;
  readonly role: string;
}

/**
 * The application role's password, derived by HKDF-SHA-256 from a secret key, so that any later job gets the same one
 * by running the step again (design.md).
 * @param key hexadecimal digits, 32 bytes at least
 * @returns 43 characters of base64url: 32 bytes
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

/** PostgreSQL's own default, which every server takes. */
const SCRAM_ITERATIONS = 4096;

/**
 * What PostgreSQL stores of a password (RFC 5803, in the form of pg_authid.rolpassword): given instead of the password
 * itself, it keeps that out of every statement and log.
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
// One by one, as some of them combine with their neighbours.
const MAPPED_TO_NOTHING =
  /\u00AD|\u034F|\u1806|\u180B|\u180C|\u180D|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/gu;

/**
 * SASLprep (RFC 4013) as far as it changes anything: clients normalize what they are given before they prove it, so the
 * verifier has to be of the same.
 */
const saslPrep = (password: string): string =>
  password.replace(NON_ASCII_SPACES, ' ').replace(MAPPED_TO_NOTHING, '').normalize('NFKC');

import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PasswordStorage } from '../types.ts';
import { SUPERUSER } from './role-model.ts';

/** Azure's parameter for the password methods that logins can use. */
export const ACCEPTED_METHODS_PARAMETER = 'azure.accepted_password_auth_method';

/** The value of {@link ACCEPTED_METHODS_PARAMETER} on a new server. */
export const defaultAcceptedMethods = (storage: PasswordStorage): string =>
  storage === 'scram-sha-256' ? 'md5,scram-sha-256' : 'md5';

/**
 * Write pg_hba.conf. PostgreSQL's method `md5` uses MD5 or SCRAM, depending on the stored password of the role.
 * @param directory the data directory of the cluster
 * @param accepted the value of {@link ACCEPTED_METHODS_PARAMETER}
 */
export async function writePgHba(directory: string, accepted: string): Promise<void> {
  const method = accepted.split(',').includes('md5') ? 'md5' : 'scram-sha-256';
  // The proxy connects from the loopback address of the client, and refuses a session without TLS if it must.
  const rules = `local all ${SUPERUSER} scram-sha-256\nhost all all 127.0.0.0/8 ${method}\n`;
  await writeFile(join(directory, 'pg_hba.conf'), rules);
}

/**
 * Configure a copy of the template before its first start.
 * @param directory the data directory of the cluster
 */
export async function configurePasswordStorage(directory: string, storage: PasswordStorage): Promise<void> {
  await writePgHba(directory, defaultAcceptedMethods(storage));
  if (storage === 'scram-sha-256') return;
  const settings = `password_encryption = md5\n${ACCEPTED_METHODS_PARAMETER} = '${defaultAcceptedMethods(storage)}'\n`;
  await appendFile(join(directory, 'postgresql.conf'), settings);
}

import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SUPERUSER } from './service-roles.ts';

/**
 * How a new server stores passwords and which it accepts, by its parameters `password_encryption` and
 * {@link ACCEPTED_METHODS_PARAMETER}:
 * - `scram-sha-256`: as servers do that were made since about October 2024; passwords stored as MD5 are accepted too
 * - `md5`: as older servers do; whether one of them accepts a stored SCRAM verifier is not known: this one does, as
 *   PostgreSQL's own method `md5` does
 * - `md5-strict`: the same, and it does not [INF]
 */
export const PASSWORD_STORAGES = ['scram-sha-256', 'md5', 'md5-strict'] as const;
export type PasswordStorage = (typeof PASSWORD_STORAGES)[number];

/** Azure's parameter for the methods that logins may use. */
export const ACCEPTED_METHODS_PARAMETER = 'azure.accepted_password_auth_method';

/** The value of {@link ACCEPTED_METHODS_PARAMETER} of a server as it comes. */
export const defaultAcceptedMethods = (storage: PasswordStorage): string =>
  storage === 'scram-sha-256' ? 'md5,scram-sha-256' : 'md5';

/**
 * Write what PostgreSQL asks clients for. Its method `md5` asks by what is stored of a role's password: for MD5, or for
 * SCRAM.
 * @param directory the cluster's
 * @param accepted value of {@link ACCEPTED_METHODS_PARAMETER}
 */
export async function writePgHba(directory: string, accepted: string): Promise<void> {
  const method = accepted.split(',').includes('md5') ? 'md5' : 'scram-sha-256';
  const rules = `local all ${SUPERUSER} scram-sha-256\nlocal all all ${method}\n`;
  await writeFile(join(directory, 'pg_hba.conf'), rules);
}

/**
 * Make a copy of the template, not started yet, store passwords so.
 * @param directory the cluster's
 */
export async function configurePasswordStorage(directory: string, storage: PasswordStorage): Promise<void> {
  await writePgHba(directory, defaultAcceptedMethods(storage));
  if (storage === 'scram-sha-256') return;
  const settings = `password_encryption = md5\n${ACCEPTED_METHODS_PARAMETER} = '${defaultAcceptedMethods(storage)}'\n`;
  await appendFile(join(directory, 'postgresql.conf'), settings);
}

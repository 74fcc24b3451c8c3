import type { Config } from './types.ts';

/**
 * Whether a secret begins or ends with a line break or another control character: nobody chooses such a password, but
 * pasting or piping a secret (`echo` for `printf`) brings one along.
 * @returns a sentence to be read behind the input's name
 */
export const validateSecretEnds = (secret: string): string | undefined =>
  /^[\p{Cc}\u2028\u2029]|[\p{Cc}\u2028\u2029]$/u.test(secret)
    ? 'begins or ends with a line break or another control character: set the secret again without it (printf adds none, echo does)'
    : undefined;

/**
 * Secrets that are accepted, but probably contain a mistake: white space at an end. An administrator's
 * password that ends in a line break is among them, since only the creation of a server can refuse it.
 * @returns a sentence each, without the secret
 */
export function findSecretWarnings(config: Config): readonly string[] {
  const appRole = config.mode === 'ensure' ? config.appRole : undefined;
  const secret = appRole?.secret;
  const secrets = {
    'client-secret': config.signIn.clientSecret,
    'admin-password': config.administrator?.password,
    'app-password': secret !== undefined && 'password' in secret ? secret.password : undefined,
  };
  return Object.entries(secrets)
    .filter(([, text = '']) => text !== text.trim())
    .map(
      ([name]) =>
        `${name} begins or ends with white space, which counts as a part of it. If that is not meant, set the secret again without it.`,
    );
}

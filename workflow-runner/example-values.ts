import { createHash } from 'node:crypto';

/** What a repository that runs the examples would have under Settings → Secrets and variables → Actions. */
export interface ExampleValues {
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
}

const VARIABLE_NAMES = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID'];

/**
 * The examples' secrets and variables.
 * @param env the emulator's, which knows the application; empty without one.
 * @param clientSecret signs the same application in without OIDC.
 */
export function exampleValues(
  env: Readonly<Record<string, string>>,
  clientSecret: string | undefined,
): ExampleValues {
  return {
    secrets: {
      DB_ADMIN_PASSWORD: 'VerySecurePassword!1',
      // The same in every call, so that a kept emulator's roles keep their passwords.
      DB_APP_PASSWORD_KEY: createHash('sha256').update('the examples’ key').digest('base64'),
      ...(clientSecret === undefined ? {} : { AZURE_CLIENT_SECRET: clientSecret }),
    },
    vars: Object.fromEntries(
      VARIABLE_NAMES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
    ),
  };
}

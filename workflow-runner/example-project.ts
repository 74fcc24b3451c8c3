import { createHash } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';

/** What a repository has under Settings → Secrets and variables → Actions. */
export interface ExampleValues {
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
}

const VARIABLE_NAMES = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID'];

/**
 * The secrets and variables that the workflows in examples/ need, as if a user had created them.
 * @param env the emulator's `env`, which has the ids of the application; empty without an emulator.
 * @param clientSecret signs in the same application without OIDC.
 */
export function exampleValues(
  env: Readonly<Record<string, string>>,
  clientSecret: string | undefined,
): ExampleValues {
  return {
    secrets: {
      DB_ADMIN_PASSWORD: 'VerySecurePassword!1',
      // The same in every run, so that the roles of an emulator started with --keep keep their passwords.
      DB_APP_PASSWORD_KEY: createHash('sha256').update('the examples’ key').digest('base64'),
      ...(clientSecret === undefined ? {} : { AZURE_CLIENT_SECRET: clientSecret }),
    },
    vars: Object.fromEntries(
      VARIABLE_NAMES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
    ),
  };
}

/**
 * The environment of the emulated machine. It lets the emulator stand in for Azure and GitHub, and has nothing else that
 * GitHub's machines do not have: the ids of the application are variables of the repository.
 * @param env the emulator's `env`.
 */
export function machineEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const machine = Object.entries(env).filter(([name]) => !VARIABLE_NAMES.includes(name));
  return {
    ...Object.fromEntries(machine),
    // `npm ci` in a project of examples/ installs what `npm ci` of this repository has stored in npm's cache, also offline.
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
  };
}

/** The projects of the examples that do not run in examples/relecloud. */
const PROJECTS: Readonly<Record<string, string>> = { 'django.yml': 'django' };

/**
 * The folder of the project in which a workflow of examples/ runs. Other workflows run in a copy of this repository.
 * @param root the folder of this repository.
 */
export function exampleProject(root: string, file: string): string {
  const examples = join(root, 'examples');
  if (dirname(resolve(file)) !== examples) return root;
  return join(examples, PROJECTS[basename(file)] ?? 'relecloud');
}

import { azureErrors } from './azure.ts';
import { connectErrors } from './connect.ts';
import { databaseErrors } from './database.ts';
import { driftErrors } from './drift.ts';
import { inputErrors } from './inputs.ts';
import { migrationErrors } from './migration.ts';
import { postErrors } from './post.ts';
import { pullRequestErrors } from './pull-requests.ts';
import { runErrors } from './run.ts';
import { signInErrors } from './sign-in.ts';

/** The errors by subject, in the order of docs/troubleshooting.md. */
export const errorGroups = {
  Inputs: inputErrors,
  'Sign-in': signInErrors,
  Azure: azureErrors,
  Connect: connectErrors,
  Database: databaseErrors,
  Migration: migrationErrors,
  'Pull requests': pullRequestErrors,
  Drift: driftErrors,
  Post: postErrors,
  'The whole run': runErrors,
} as const;

/** Every error by its code. */
export const errorCatalog = {
  ...inputErrors,
  ...signInErrors,
  ...azureErrors,
  ...connectErrors,
  ...databaseErrors,
  ...migrationErrors,
  ...pullRequestErrors,
  ...driftErrors,
  ...postErrors,
  ...runErrors,
} as const;

export type ErrorCode = keyof typeof errorCatalog;

/** What the texts of an error depend on. */
export type ErrorParameters<C extends ErrorCode> = Parameters<(typeof errorCatalog)[C]['text']>[0];

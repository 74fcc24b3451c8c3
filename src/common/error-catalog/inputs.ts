import { type ErrorEntry, type ErrorText, POSTGRESQL_DOCS_URL } from './error-entry.ts';
import { longList } from './lists.ts';

/** Errors in the inputs of the step and in the environment of the job. */
export const inputErrors = {
  'inputs-invalid': {
    meaning:
      'Inputs of the step, or of its config-file, are not valid. The message lists all of them at once. It also lists proxies in the environment of the job that cannot be used. Nothing was requested or changed.',
    causes: [
      'an input is empty because the variable or the secret in its expression does not exist, has another name, or belongs to another environment',
      'a value has a typing error, or the wrong unit',
      'inputs that belong together are not complete, such as app-username without app-password-key',
      'an input is for another mode, such as dry-run in ensure',
    ],
    remedies: [
      'Correct each input that the message names. With a config-file, the message has the file and the line.',
      'Compare with the [table of inputs](inputs.md).',
      'For an empty input, check the name of the variable or secret (Settings, Secrets and variables), and whether the job has the `environment:` that it belongs to.',
    ],
    text: (p: {
      errors: readonly string[];
      /** What is wrong with variables of the environment, which no input sets. */
      environmentErrors?: readonly string[];
    }): ErrorText => {
      const { errors, environmentErrors = [] } = p;
      return {
        summary: [
          errors.length > 0 &&
            `${errors.length === 1 ? 'An input is' : `${errors.length} inputs are`} invalid:${longList(errors)}`,
          environmentErrors.length > 0 &&
            `The environment of the job cannot be used:${longList(environmentErrors)}`,
        ]
          .filter(Boolean)
          .join('\n'),
        hint: [
          errors.length > 0 && 'Correct the inputs in the step, or in its config-file.',
          environmentErrors.length > 0 &&
            'Correct the variables where they are set: env in the workflow, or the settings of the runner.',
          'Nothing was requested or changed.',
        ]
          .filter(Boolean)
          .join(' '),
      };
    },
  },
  'creation-inputs-invalid': {
    meaning:
      'The server does not exist, and these inputs are missing or not valid for a new one. They are checked only if the server has to be created.',
    causes: [
      '`region` is not set',
      'admin-password does not have the form that Azure requires',
      'high-availability is set for a burstable size',
      'server-name has a typing error, or the server is in another subscription or resource group',
    ],
    remedies: [
      'If the server should be created, correct the inputs that the message lists.',
      'If the server should exist, correct `server-name`, `subscription-id` or `resource-group`.',
    ],
    text: (p: { errors: readonly string[]; server: string }): ErrorText => ({
      summary: `Server '${p.server}' does not exist, and it cannot be created with these inputs:${longList(p.errors)}`,
      hint: 'Complete the inputs, or check server-name if the server should exist. Nothing was changed.',
    }),
  },
  'server-parameters-invalid': {
    meaning:
      'Azure cannot set these values of server-parameters. The message lists all of them, with what Azure accepts, before the first one is set.',
    causes: [
      'the parameter has another name, or does not exist in this version of PostgreSQL',
      'the value is outside of the range that Azure allows',
      'the parameter is read-only on Azure',
    ],
    remedies: [
      'Correct the values that the message lists.',
      'The page *Server parameters* of the server in the Azure portal shows all parameters with their allowed values.',
    ],
    text: (p: { errors: readonly string[]; server: string }): ErrorText => ({
      summary: `Server '${p.server}' cannot have these server-parameters:${longList(p.errors)}`,
      hint: 'Correct server-parameters in the step, or in its config-file. No server parameter was changed.',
      url: `${POSTGRESQL_DOCS_URL}/concepts-server-parameters`,
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

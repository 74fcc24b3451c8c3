import { type ErrorEntry, type ErrorText, POSTGRESQL_DOCS_URL } from './error-entry.ts';
import { longList } from './lists.ts';

/** Errors in the inputs of the step and in the environment of the job. */
export const inputErrors = {
  'inputs-invalid': {
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
    text: (p: { errors: readonly string[]; server: string }): ErrorText => ({
      summary: `Server '${p.server}' does not exist, and it cannot be created with these inputs:${longList(p.errors)}`,
      hint: 'Complete the inputs, or check server-name if the server should exist. Nothing was changed.',
    }),
  },
  'server-parameters-invalid': {
    text: (p: { errors: readonly string[]; server: string }): ErrorText => ({
      summary: `Server '${p.server}' cannot have these server-parameters:${longList(p.errors)}`,
      hint: 'Correct server-parameters in the step, or in its config-file. No server parameter was changed.',
      url: `${POSTGRESQL_DOCS_URL}/concepts-server-parameters`,
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

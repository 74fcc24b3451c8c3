import { describe, expect, vi } from 'vitest';
import { actionError } from '../../../src/common/errors.ts';
import { ActionsRuntime } from '../../../src/github/actions.ts';
import { test as base } from '../../helpers/unit/test.ts';

const test = base.extend('annotationOf', async ({ onTestFinished }) => {
  const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => {
    output.mockRestore();
    vi.unstubAllEnvs();
  });
  /** The annotation of a step that ends with an error, in an environment. */
  return async (error: Error, env: Readonly<Record<string, string>>): Promise<string> => {
    for (const name of ['GITHUB_SERVER_URL', 'GITHUB_ACTION_REPOSITORY', 'GITHUB_ACTION_REF'])
      vi.stubEnv(name, env[name]);
    const exitCode = await new ActionsRuntime().run(() => Promise.reject(error));
    expect(exitCode).toBe(1);
    return output.mock.calls.map(([text]) => String(text)).find((text) => text.startsWith('::error::')) ?? '';
  };
});

const error = actionError('unexpected', { reason: 'why' });
const usesRelease = {
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_ACTION_REPOSITORY: 'owner/azure-postgresql-action',
  GITHUB_ACTION_REF: 'v1',
};

describe('the annotation of an error', () => {
  test('links to its documentation in the version that runs', async ({ annotationOf }) => {
    expect(await annotationOf(error, usesRelease)).toMatch(
      /\(unexpected\)%0ASee https:\/\/github\.com\/owner\/azure-postgresql-action\/blob\/v1\/docs\/troubleshooting\.md#unexpected\n$/,
    );
  });

  test.for([
    ['the action is in the repository of the workflow', { GITHUB_ACTION_REPOSITORY: '' }],
    ['the version is not known', { GITHUB_ACTION_REF: '' }],
    ['the server is not github.com', { GITHUB_SERVER_URL: 'https://github.example' }],
    ['a variable has an unexpected form', { GITHUB_ACTION_REPOSITORY: 'owner/name)](evil' }],
  ] as const)('has no link if %s', async ([, env], { annotationOf }) => {
    expect(await annotationOf(error, { ...usesRelease, ...env })).toMatch(/\(unexpected\)\n$/);
  });

  test('has no link if the error is not one of the catalog', async ({ annotationOf }) => {
    expect(await annotationOf(new Error('why'), usesRelease)).toBe('::error::why\n');
  });
});

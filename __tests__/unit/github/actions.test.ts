import { describe, expect, test } from 'vitest';
import { actionError } from '../../../src/common/errors.ts';
import { ActionsRuntime } from '../../../src/github/actions.ts';
import { runInContext } from '../../helpers/process-context.ts';

/** What the work writes to standard output. */
async function outputOf(
  work: (runtime: ActionsRuntime) => Promise<unknown>,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  let output = '';
  const onOutput = (text: string): void => {
    output += text;
  };
  await runInContext({ env: { ...env }, onOutput }, () => work(new ActionsRuntime()));
  return output;
}

describe('a group in the log', () => {
  test('begins with its first line, of any level', async () => {
    for (const level of ['info', 'notice', 'warning', 'error'] as const)
      expect(
        await outputOf((runtime) => runtime.group('Connect', async () => runtime[level]('line'))),
      ).toMatch(/^::group::Connect\n(::\w+::)?line\n::endgroup::\n$/);
  });

  test('without a line does not appear, and does not contain a later line', async () => {
    const output = await outputOf(async (runtime) => {
      await runtime.group('Connect', async () => {});
      runtime.info('later');
    });
    expect(output).toBe('later\n');
  });

  test('ends also if its work fails', async () => {
    const output = await outputOf((runtime) =>
      runtime
        .group('Connect', async () => {
          runtime.info('line');
          throw new Error('no');
        })
        .catch(() => runtime.info('later')),
    );
    expect(output).toBe('::group::Connect\nline\n::endgroup::\nlater\n');
  });
});

test('the last line comes after the error', async () => {
  const output = await outputOf((runtime) =>
    runtime.run(async () => {
      runtime.setLastLine('❌ Not ready');
      throw new Error('It broke.');
    }),
  );
  expect(output).toMatch(/^::error::It broke\.\n❌ Not ready\n$/);
});

test('a line of the debug log appears only with debug logging', async () => {
  const work = async (runtime: ActionsRuntime): Promise<void> => runtime.debug('request');
  expect(await outputOf(work)).toBe('');
  expect(await outputOf(work, { RUNNER_DEBUG: '1' })).toBe('::debug::request\n');
});

describe('the annotation of an error', () => {
  const known = actionError('unexpected', { reason: 'why' });
  const release = {
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_ACTION_REPOSITORY: 'owner/azure-postgresql-action',
    GITHUB_ACTION_REF: 'v1',
  };
  const annotationOf = async (error: Error, env: Readonly<Record<string, string>>): Promise<string> => {
    const output = await outputOf((runtime) => runtime.run(() => Promise.reject(error)), env);
    return output.split('\n').find((line) => line.startsWith('::error::')) ?? '';
  };

  test('links to its documentation in the version that runs', async () => {
    expect(await annotationOf(known, release)).toMatch(
      /\(unexpected\)%0ASee https:\/\/github\.com\/owner\/azure-postgresql-action\/blob\/v1\/docs\/troubleshooting\.md#unexpected$/,
    );
  });

  test.for([
    ['the action is in the repository of the workflow', { GITHUB_ACTION_REPOSITORY: '' }],
    ['the version is not known', { GITHUB_ACTION_REF: '' }],
    ['the server is not github.com', { GITHUB_SERVER_URL: 'https://github.example' }],
    ['the repository has an unexpected form', { GITHUB_ACTION_REPOSITORY: 'owner/name)](evil' }],
    ['the version has an unexpected form', { GITHUB_ACTION_REF: 'a b)' }],
  ] as const)('has no link if %s', async ([, env]) => {
    expect(await annotationOf(known, { ...release, ...env })).toMatch(/\(unexpected\)$/);
  });

  test('has no link if the error is not one of the catalog', async () => {
    expect(await annotationOf(new Error('why'), release)).toBe('::error::why');
  });
});

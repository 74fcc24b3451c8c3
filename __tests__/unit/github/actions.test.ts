import { describe, expect, test } from 'vitest';
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
  expect(output).toMatch(/^::error::It broke\.\n(::debug::.*\n)?❌ Not ready\n$/);
});

test('a line of the debug log appears only with debug logging', async () => {
  const work = async (runtime: ActionsRuntime): Promise<void> => runtime.debug('request');
  expect(await outputOf(work)).toBe('');
  expect(await outputOf(work, { RUNNER_DEBUG: '1' })).toBe('::debug::request\n');
});

describe('the URL of a document of the action', () => {
  const env = {
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_ACTION_REPOSITORY: 'relecloud/azure-postgresql-action',
    GITHUB_ACTION_REF: 'v1',
  };
  const urlOf = async (variables: Readonly<Record<string, string>>): Promise<string | undefined> => {
    let url: string | undefined;
    await outputOf(async (runtime) => {
      url = runtime.documentationUrl('docs/pull-requests.md#forks');
    }, variables);
    return url;
  };

  test('is in the version that runs', async () => {
    expect(await urlOf(env)).toBe(
      'https://github.com/relecloud/azure-postgresql-action/blob/v1/docs/pull-requests.md#forks',
    );
  });

  test('is unknown if GitHub does not name the repository or the version', async () => {
    expect(await urlOf({ ...env, GITHUB_ACTION_REPOSITORY: '' })).toBeUndefined();
    expect(await urlOf({ ...env, GITHUB_ACTION_REF: '' })).toBeUndefined();
    expect(await urlOf({ ...env, GITHUB_ACTION_REF: 'a b)' })).toBeUndefined();
    expect(await urlOf({})).toBeUndefined();
  });
});

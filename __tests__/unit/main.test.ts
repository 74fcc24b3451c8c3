import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, describe, expect, vi } from 'vitest';
import { actionError, type ErrorCode } from '../../src/common/errors.ts';
import { ActionsRuntime } from '../../src/github/actions.ts';
import type { Config } from '../../src/inputs/types.ts';
import { runMain } from '../../src/main.ts';
import { Reporter } from '../../src/reporting/reporter.ts';
import { parseKeyValues } from '../../workflow-runner/step-files.ts';
import { runInContext } from '../helpers/process-context.ts';
import { invalidOutputs, outputsOfEveryEnd } from '../helpers/step-end.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  exampleGuid,
  type InputValues,
  sweepConfig,
  defaultInputs as tutorialInputs,
} from '../helpers/unit/test-configs.ts';

interface EndedStep {
  readonly exitCode: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly log: string;
}

interface StepOptions {
  readonly inputs?: InputValues;
  /** The webhook payload. */
  readonly event?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly entrypoint?: (runtime: ActionsRuntime) => Promise<void>;
}

/** Runs main with the runner's files, in this process and without a network. */
const test = base.extend(
  'endStep',
  async ({ onTestFinished }): Promise<(options: StepOptions) => Promise<EndedStep>> => {
    const folder = mkdtempSync(join(tmpdir(), 'main-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    return async ({ inputs = {}, event = '{}', env = {}, entrypoint = runMain }) => {
      const path = (name: string): string => join(folder, name);
      const names = ['GITHUB_OUTPUT', 'GITHUB_ENV', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY'];
      for (const name of names) writeFileSync(path(name), '');
      writeFileSync(path('event.json'), event);
      const inputEnv = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]);
      let log = '';
      const context = {
        env: {
          ...Object.fromEntries(names.map((name) => [name, path(name)])),
          GITHUB_WORKSPACE: folder,
          RUNNER_TEMP: folder,
          GITHUB_REPOSITORY: 'relecloud/tours',
          GITHUB_REPOSITORY_ID: '123456789',
          GITHUB_EVENT_NAME: 'push',
          GITHUB_EVENT_PATH: path('event.json'),
          ...Object.fromEntries(inputEnv),
          ...env,
        },
        onOutput: (text: string) => {
          log += text;
        },
      };
      const exitCode = await runInContext(context, () => new ActionsRuntime().run(entrypoint));
      return {
        exitCode,
        log,
        outputs: Object.fromEntries(parseKeyValues(readFileSync(path('GITHUB_OUTPUT'), 'utf8'))),
        summary: readFileSync(path('GITHUB_STEP_SUMMARY'), 'utf8'),
      };
    };
  },
);

const configs: Readonly<Record<string, Config>> = {
  ensure: ensureConfig(),
  check: checkConfig(),
  drop: dropConfig(),
  sweep: sweepConfig(),
};
const modes = Object.keys(configs);
/** A verdict with an icon, and what follows. */
const headline = /^### (✅|⚠️|❌|⏭️) \S.*\n\n\S/;

describe('every end sets every output that is JSON or a boolean, and has a summary with a headline in words', () => {
  test('action.yml declares such outputs', () => {
    expect(outputsOfEveryEnd).toEqual(
      expect.arrayContaining([
        'changes',
        'drift',
        'dropped',
        'drifted',
        'server-created',
        'database-created',
      ]),
    );
  });

  const forkEvent = JSON.stringify({
    pull_request: {
      number: 9,
      state: 'open',
      head: { repo: { id: 7, fork: true } },
      base: { repo: { id: 1 } },
    },
  });
  const forkEnv = { GITHUB_EVENT_NAME: 'pull_request', AZURE_CLIENT_ID: exampleGuid };
  const earlyEnds: readonly (readonly [end: string, exitCode: number, headline: RegExp, StepOptions])[] = [
    ['an invalid input', 1, /❌ Not started/, { inputs: { 'server-name': 'Bad_Name' } }],
    ['a config-file that does not exist', 1, /❌ Not started/, { inputs: { 'config-file': 'none.yml' } }],
    ['an env-file that would be overwritten', 1, /❌ Not started/, { inputs: { 'env-file': 'event.json' } }],
    ['an event that is not JSON', 1, /❌ Not started/, { event: '{' }],
    [
      'a run of a fork, which has no credentials',
      1,
      /❌ Not started/,
      { event: forkEvent, env: forkEnv, inputs: { 'admin-password': '' } },
    ],
    [
      'a run of a fork that is skipped',
      0,
      /⏭️ Skipped/,
      {
        event: forkEvent,
        env: forkEnv,
        inputs: { 'admin-password': '', 'skip-without-credentials': 'true' },
      },
    ],
  ];

  test.for(
    modes.flatMap((mode) =>
      earlyEnds
        // Only ensure writes an env-file.
        .filter(([end]) => mode === 'ensure' || !end.startsWith('an env-file'))
        .map(([end, ...rest]) => [mode, end, ...rest] as const),
    ),
  )('mode %s: %s', async ([mode, , exitCode, words, { inputs, ...options }], { endStep }) => {
    const step = await endStep({ ...options, inputs: { ...tutorialInputs, mode, ...inputs } });
    expect(step.exitCode, step.log).toBe(exitCode);
    expect(invalidOutputs(step.outputs)).toEqual([]);
    expect(step.summary).toMatch(headline);
    expect(step.summary).toMatch(words);
  });

  test('an invalid mode', async ({ endStep }) => {
    const step = await endStep({ inputs: { ...tutorialInputs, mode: 'ensured' } });
    expect(step.exitCode).toBe(1);
    expect(invalidOutputs(step.outputs)).toEqual([]);
    expect(step.summary).toMatch(headline);
  });

  test('a process that is killed while it reads its inputs has the outputs already', async ({ endStep }) => {
    const step = await endStep({
      entrypoint: async (runtime) => {
        vi.spyOn(runtime, 'rawInput').mockImplementation(() => {
          throw new Error('killed');
        });
        vi.spyOn(runtime, 'appendSummary').mockResolvedValue();
        await runMain(runtime);
      },
    });
    expect(step.log).toContain('killed');
    expect(invalidOutputs(step.outputs)).toEqual([]);
  });

  const texts = { hint: 'h', reason: 'r' };
  const lateEnds: readonly (readonly [end: ErrorCode | 'success', Error | undefined, words: RegExp])[] = [
    ['success', undefined, /✅/],
    ['cancelled', actionError('cancelled', { signal: 'SIGINT' }), /`cancelled`/],
    ['timed-out', actionError('timed-out', { after: '1 s', ...texts }), /`timed-out`/],
    [
      'server-not-found',
      actionError('server-not-found', { server: 's', subscription: 'x', resourceGroup: undefined }),
      /`server-not-found`/,
    ],
    ['unexpected', actionError('unexpected', texts), /`unexpected`/],
    ['drifted', actionError('drifted', { findings: 1 }), /`drifted`/],
  ];
  test.for(modes.flatMap((mode) => lateEnds.map((end) => [mode, ...end] as const)))(
    'mode %s: %s',
    async ([mode, , error, words], { endStep }) => {
      const step = await endStep({
        entrypoint: async (runtime) =>
          new Reporter(runtime, configs[mode] ?? expect.unreachable()).finish(error),
      });
      expect(invalidOutputs(step.outputs)).toEqual([]);
      expect(step.outputs['server-id']).toBe('');
      expect(step.summary).toMatch(headline);
      // A drop or a sweep that found no server has a warning.
      if (error !== undefined || mode === 'ensure' || mode === 'check') expect(step.summary).toMatch(words);
    },
  );
});

test('the summary of a check that could not compare does not state that the server was checked', async ({
  endStep,
}) => {
  const end = (error: Error) =>
    endStep({ entrypoint: async (runtime) => new Reporter(runtime, checkConfig()).finish(error) });
  const cancelled = await end(actionError('cancelled', { signal: 'SIGINT' }));
  expect(cancelled.summary).toContain('❌ `demo-relecloud` was not checked: `cancelled`');
  const drifted = await end(actionError('drifted', { findings: 1 }));
  expect(drifted.summary).not.toContain('was not checked');
});

describe('skip-without-credentials on a runner without an OIDC token', () => {
  const clientId = { 'client-id': exampleGuid };
  const skipped = 'Skipped: GitHub gives';
  // Invalid, so that a run that is not skipped ends before its first request.
  const inputs = { ...tutorialInputs, ...clientId, 'skip-without-credentials': 'true', region: '?' };
  const fork = JSON.stringify({
    repository: { id: 1 },
    pull_request: { number: 9, state: 'open', head: { repo: { id: 2 } }, base: { repo: { id: 1 } } },
  });

  test.for<readonly [runner: string, ends: string, more: InputValues]>([
    ['self-hosted', 'inputs-invalid', {}],
    ['github-hosted', skipped, {}],
    ['self-hosted', skipped, { mode: 'check', 'admin-password': '' }],
    ['self-hosted', skipped, { 'admin-password': '' }],
  ])(
    'a %s runner can have the identity of client-id, if the run gets secrets: %s',
    async ([runner, end, more], { endStep }) => {
      const runs = [
        { GITHUB_EVENT_NAME: 'pull_request' },
        { GITHUB_EVENT_NAME: 'push', GITHUB_ACTOR: 'dependabot[bot]' },
      ];
      for (const run of runs) {
        const env = { ...run, RUNNER_ENVIRONMENT: runner };
        const { log } = await endStep({ inputs: { ...inputs, ...more }, event: fork, env });
        expect(log).toContain(end);
      }
    },
  );
});

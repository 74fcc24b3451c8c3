import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, describe, expect, inject } from 'vitest';
import { interleavedMedians, measureNode } from '../../scripts/bench/interleave.ts';
import { bundleFile, type Phase } from '../../workflow-runner/bundle-step.ts';

/** Writes the size of each file of the bundle that a process loads to the file that `LOADED_FILES` names. */
const RECORD_LOADED_FILES = `data:text/javascript,${encodeURIComponent(`
  import { appendFileSync, statSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  import { fileURLToPath } from 'node:url';
  registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:'))
        appendFileSync(process.env.LOADED_FILES, statSync(fileURLToPath(url)).size + '\\n');
      return next(url, context);
    },
  });
`)}`;

const test = base.extend('folder', async ({ onTestFinished }) => {
  const folder = mkdtempSync(join(tmpdir(), 'start-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
});

const stepEnv = (folder: string): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  SystemRoot: process.env['SystemRoot'],
  GITHUB_WORKSPACE: folder,
  RUNNER_TEMP: folder,
});

/** A step without inputs, which is an error, and a post part without a task. */
const steps: readonly (readonly [phase: Phase, exitCode: number])[] = [
  ['main', 1],
  ['post', 0],
];

const sizes = (): readonly number[] =>
  readdirSync(inject('built').bundle)
    .filter((name) => name.endsWith('.js'))
    .map((name) => statSync(join(inject('built').bundle, name)).size);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

describe('a run loads only what it needs', () => {
  test.for(steps)(
    '%s that ends at once loads a tenth of the bundle',
    async ([phase, exitCode], { folder }) => {
      const LOADED_FILES = join(folder, 'loaded');
      const args = [`--import=${RECORD_LOADED_FILES}`, bundleFile(inject('built').bundle, phase)];
      await measureNode({ args, env: { ...stepEnv(folder), LOADED_FILES }, exitCode });
      const loaded = readFileSync(LOADED_FILES, 'utf8').trim().split('\n').map(Number);
      expect(sum(loaded) / sum(sizes())).toBeLessThan(0.1);
    },
  );

  test('no chunk has more than a third of the bundle', () => {
    expect(sizes().length).toBeGreaterThan(10);
    expect(Math.max(...sizes()) / sum(sizes())).toBeLessThan(1 / 3);
  });

  // docs/performance.md has the measured ratios, which are a third of this. A bundle in one file needs seven times as long.
  test('a run that ends at once takes less than five times as long as Node.js alone', async ({ folder }) => {
    const env = stepEnv(folder);
    const [inputError, emptyPost] = steps.map(([phase, exitCode]) => {
      const args = [bundleFile(inject('built').bundle, phase)];
      return () => measureNode({ args, env, exitCode });
    });
    const medians = await interleavedMedians(5, {
      node: () => measureNode({ args: ['-e', '0'], env, exitCode: 0 }),
      inputError: inputError ?? expect.unreachable(),
      emptyPost: emptyPost ?? expect.unreachable(),
    });
    expect(medians.inputError / medians.node).toBeLessThan(5);
    expect(medians.emptyPost / medians.node).toBeLessThan(5);
  });
});

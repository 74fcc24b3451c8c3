import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test as base, describe, expect } from 'vitest';
import { parse } from 'yaml';
import { repositoryRoot } from '../helpers/root.ts';

const { steps }: { steps: readonly { name?: string; run?: string }[] } = parse(
  readFileSync(join(repositoryRoot, '.github', 'workflows', 'release.yml'), 'utf8'),
).jobs.publish;

/** Answers like the GitHub CLI, from environment variables, and records its arguments. */
const FAKE_GH = `#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
  *compare*) echo "$COMPARED" ;;
  *isImmutable*) echo "$IMMUTABLE" ;;
  *git/ref/tags/*) [ "$MAJOR_EXISTS" = yes ] ;;
esac
`;

const test = base.extend('runStep', async ({ onTestFinished }) => {
  const folder = mkdtempSync(join(tmpdir(), 'release-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'gh'), FAKE_GH);
  chmodSync(join(folder, 'gh'), 0o755);
  const calls = join(folder, 'calls');
  writeFileSync(calls, '');
  /** Runs the script of a step of the job that publishes, for the commit `abc` of version 1.2.3. */
  return async (name: string, answers: Readonly<Record<string, string>>) => {
    const script = steps.find((step) => step.name === name)?.run ?? 'exit 99';
    const env = {
      PATH: `${folder}${delimiter}${process.env['PATH']}`,
      CALLS: calls,
      REPOSITORY: 'relecloud/postgresql',
      TAG: 'v1.2.3',
      GITHUB_SHA: 'abc',
      ...answers,
    };
    const exitCode = await new Promise((resolve) => {
      execFile('bash', ['-eo', 'pipefail', '-c', script], { env }, (error) => resolve(error?.code ?? 0));
    });
    return { exitCode, calls: readFileSync(calls, 'utf8').trim().split('\n') };
  };
});

describe('release.yml', () => {
  test.for([
    ['identical', 0],
    ['behind', 0],
    ['ahead', 1],
    ['diverged', 1],
    ['', 1],
  ] as const)(
    'publishes only a commit of main: main is %j → exit code %i',
    async ([compared, expected], { runStep }) => {
      const { exitCode, calls } = await runStep('Check that the commit is on main', { COMPARED: compared });
      expect(exitCode).toBe(expected);
      expect(calls).toEqual(['api repos/relecloud/postgresql/compare/main...abc --jq .status']);
    },
  );

  test.for([
    ['true', 0],
    ['false', 1],
    ['', 1],
  ] as const)(
    'moves no tag to a release that can be changed: isImmutable %j',
    async ([immutable, expected], { runStep }) => {
      const { exitCode } = await runStep('Check that the release is immutable', { IMMUTABLE: immutable });
      expect(exitCode).toBe(expected);
      const names = steps.map(({ name }) => name);
      expect(names.indexOf('Move the tag of the major version')).toBeGreaterThan(
        names.indexOf('Check that the release is immutable'),
      );
    },
  );

  test.for([
    ['yes', '--method PATCH repos/relecloud/postgresql/git/refs/tags/v1 -f sha=abc -F force=true'],
    ['no', '--method POST repos/relecloud/postgresql/git/refs -f ref=refs/tags/v1 -f sha=abc'],
  ] as const)(
    'moves the tag of the major version, or creates it: it exists: %s',
    async ([exists, request], { runStep }) => {
      const { exitCode, calls } = await runStep('Move the tag of the major version', {
        MAJOR_EXISTS: exists,
      });
      expect(exitCode).toBe(0);
      expect(calls.at(-1)).toBe(`api ${request} --silent`);
    },
  );
});

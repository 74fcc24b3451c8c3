import { readdirSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { createScript, migrationEnvironment } from '../../../src/migration/migration-command.ts';
import { isRunning, type RunningMigration, waitForExit } from '../../helpers/unit/migration-process.ts';
import { test } from '../../helpers/unit/test.ts';

describe('the environment of the migration', () => {
  const excludedNames = [
    'INPUT_ADMIN-PASSWORD',
    'INPUT_X',
    'STATE_rule',
    'GITHUB_STATE',
    'ACTIONS_ID_TOKEN_REQUEST_URL',
    'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
    'ACTIONS_RUNTIME_TOKEN',
    'ACTIONS_RUNTIME_URL',
    'ACTIONS_RESULTS_URL',
    'ACTIONS_CACHE_URL',
    'ACTIONS_CACHE_SERVICE_V2',
    'AZURE_CLIENT_SECRET',
  ];
  const includedNames = [
    'PATH',
    'HOME',
    'GITHUB_ENV',
    'GITHUB_OUTPUT',
    'GITHUB_STEP_SUMMARY',
    'GITHUB_SHA',
    'RUNNER_TEMP',
    'AZURE_CLIENT_ID',
    'MY_INPUT_X',
    'ACTIONS_STEP_DEBUG',
  ];

  test('is that of a run: step and the connection, without the excluded variables', () => {
    const names = fc.uniqueArray(fc.constantFrom(...excludedNames, ...includedNames));
    fc.assert(
      fc.property(names, (present) => {
        const env = Object.fromEntries(present.map((name) => [name, 'x']));
        const result = migrationEnvironment(env, new Map([['DB_HOST', 'h']]), 'app');
        expect(Object.keys(result).sort()).toEqual(
          [...present.filter((name) => includedNames.includes(name)), 'DB_HOST', 'PGAPPNAME'].sort(),
        );
      }),
    );
  });

  test('the connection overrides variables of earlier steps', () => {
    expect(migrationEnvironment({ DB_HOST: 'old' }, new Map([['DB_HOST', 'new']]), 'app')).toEqual({
      DB_HOST: 'new',
      PGAPPNAME: 'app',
    });
  });

  test('a PGAPPNAME of the workflow is not replaced, unless it is empty', () => {
    const nameWith = (env: NodeJS.ProcessEnv) => migrationEnvironment(env, new Map(), 'app')['PGAPPNAME'];
    expect(nameWith({ PGAPPNAME: 'mine' })).toBe('mine');
    expect(nameWith({ PGAPPNAME: '' })).toBe('app');
  });
});

describe('the script on Windows', () => {
  test('stops at the first error of a cmdlet, and ends with the exit code of the last program', () => {
    const { text, shell } = createScript('npm run migrate', 'C:\\temp\\x.ps1', 'win32');
    expect(shell).toBe('pwsh');
    expect(text).toBe(
      "$ErrorActionPreference = 'stop'\nnpm run migrate\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }\n",
    );
  });

  test('can be in a folder with a quote in its name', () => {
    const { args } = createScript('x', "C:\\Users\\O'Neil\\x.ps1", 'win32');
    expect(args).toEqual(['-command', ". 'C:\\Users\\O''Neil\\x.ps1'"]);
  });
});

// Each test waits for a process, so they run concurrently. On Windows and macOS, the smoke tests run commands.
describe.skipIf(process.platform !== 'linux')('the command', { concurrent: true }, () => {
  test('runs with workflow commands stopped while its output streams', async ({ migration }) => {
    const { outcome, stdout, stderr } = await migration({
      command: 'echo ::set-output::x\necho note >&2\nprintf end',
    }).finished;
    expect(outcome).toBe('done');
    const [, token = ''] = /^::stop-commands::(\S{20,})\n/.exec(stdout) ?? [];
    expect(token).not.toBe('');
    // Both outputs are in one stream; otherwise the end of one could come after commands resumed on the other.
    expect(stdout).toBe(`::stop-commands::${token}\n::set-output::x\nnote\nend\n::${token}::\n`);
    expect(stderr).toBe('');
  });

  test('can open its outputs as files', async ({ migration }) => {
    const { outcome, stdout } = await migration({
      command: 'echo one > /dev/stderr; echo two > /dev/stdout; echo three | tee /dev/stderr > /dev/null',
    }).finished;
    expect(outcome).toBe('done');
    expect(stdout).toContain('\none\ntwo\nthree\n');
  });

  test('cannot find the token that resumes commands in its environment or in any arguments', async ({
    migration,
  }) => {
    const { stdout } = await migration({
      command: 'env; cat /proc/$$/cmdline /proc/$PPID/cmdline /proc/$PPID/environ | tr "\\0" "\\n"',
    }).finished;
    const [, token = ''] = /^::stop-commands::(\S{20,})\n/.exec(stdout) ?? [];
    expect(token).not.toBe('');
    expect(stdout.split(token).length - 1).toBe(2);
  });

  test('succeeds with exit code 0, even with a NOTICE on standard error', async ({ migration }) => {
    const { outcome } = await migration({ command: 'echo NOTICE >&2; exit 0' }).finished;
    expect(outcome).toBe('done');
  });

  test('fails with any other exit code', async ({ migration }) => {
    const { outcome, stdout } = await migration({ command: 'echo fine; exit 3' }).finished;
    expect(outcome).toBe('ended with exit code 3');
    expect(stdout).toMatch(/\n::\S{20,}::\n$/);
  });

  test.for(['false\necho reached', 'false | cat\necho reached'])(
    'ends at the first failure, also inside a pipe, as in the runner’s bash: %j',
    async (command, { migration }) => {
      const { outcome, stdout } = await migration({ command }).finished;
      expect(outcome).toContain('exit code 1');
      expect(stdout).not.toContain('reached');
    },
  );

  test('can have several lines, quotes and dollar signs', async ({ migration }) => {
    const { stdout } = await migration({
      command: "x='a \"b\"'\ncat <<'EOF'\n$HOME '' `x`\nEOF\necho \"$x\"",
    }).finished;
    expect(stdout).toContain('$HOME \'\' `x`\na "b"\n');
  });

  test('runs in the workspace', async ({ migration }) => {
    const { workspace, finished } = migration({ command: 'mkdir sub; cd sub; pwd' });
    expect((await finished).stdout).toContain(`\n${realpathSync(workspace)}/sub\n`);
  });

  test('runs in its working directory of the workspace', async ({ migration }) => {
    const { workspace, finished } = migration({ command: 'pwd', workingDirectory: 'db' });
    await mkdir(join(workspace, 'db'));
    expect((await finished).stdout).toContain(`\n${realpathSync(workspace)}/db\n`);
  });

  test('fails if it cannot be started', async ({ migration }) => {
    const { outcome } = await migration({ command: 'true', workingDirectory: 'missing' }).finished;
    expect(outcome).toContain('could not be started: ');
  });

  test.for(['true', 'false'])(
    'leaves no script file, which might contain secrets: %s',
    async (command, { migration }) => {
      const { tempDirectory, finished } = migration({ command });
      await finished;
      expect(readdirSync(tempDirectory)).toEqual([]);
    },
  );

  test('has a script file that only its owner can read', async ({ migration }) => {
    const { stdout } = await migration({ command: 'stat -c %a "$0"' }).finished;
    expect(stdout).toContain('\n600\n');
  });
});

describe.skipIf(process.platform !== 'linux')(
  'the command is ended with its whole process tree',
  { concurrent: true },
  () => {
    /** Bash that writes its process id into a file, waits, and writes SIGTERM into another file when it gets it. */
    const obeying = (name: string): string =>
      `trap "echo SIGTERM > ${name}.signal; exit" TERM; echo $$ > ${name}; while :; do sleep 0.1; done`;
    /** Bash that writes its process id into a file, and ignores SIGTERM. */
    const stubborn = 'trap "" TERM; echo $$ > stubborn; while :; do sleep 1; done';
    /** Two processes: one in the process group, one in a new session without its parent. */
    const family = `bash -c '${obeying('child')}' &
    setsid bash -c '${obeying('session')}' &`;

    /** Process ids in these files; the processes must be running. */
    async function pidsIn(
      { readLine }: RunningMigration,
      files: readonly string[],
    ): Promise<readonly string[]> {
      const pids = await Promise.all(files.map(readLine));
      for (const pid of pids) expect(isRunning(pid)).toBe(true);
      return pids;
    }

    test('on cancellation, by SIGTERM, also a process that left the process group', async ({ migration }) => {
      const running = migration({ command: `${family}\nwait` });
      const pids = await pidsIn(running, ['child', 'session']);
      running.child.kill('SIGTERM');
      // Time is stopped, so no process gets SIGKILL before it could handle SIGTERM.
      expect(await running.readLine('child.signal')).toBe('SIGTERM');
      expect(await running.readLine('session.signal')).toBe('SIGTERM');
      await Promise.all(pids.map(waitForExit));
      running.advanceTime();
      expect((await running.finished).outcome).toBe('the job was cancelled');
    });

    test('also a process that ignores SIGTERM, within the 7.5 s that GitHub waits before SIGKILL', async ({
      migration,
    }) => {
      const running = migration({ command: `${family}\nbash -c '${stubborn}' &\nwait` });
      const pids = await pidsIn(running, ['child', 'session', 'stubborn']);
      running.child.kill('SIGTERM');
      await running.readLine('child.signal');
      running.advanceTime();
      const { outcome, elapsedMs } = await running.finished;
      expect(outcome).toBe('the job was cancelled');
      expect(elapsedMs).toBeLessThan(7500);
      await Promise.all(pids.map(waitForExit));
    });

    test('on its timeout, which the error names; it leaves no script file', async ({ migration }) => {
      const running = migration({ command: 'echo $$ > child; sleep 300', timeoutMs: 1000 });
      const pids = await pidsIn(running, ['child']);
      running.advanceTime();
      const { outcome } = await running.finished;
      expect(outcome).toContain('took longer than migration-timeout-minutes (1.0 s)');
      await Promise.all(pids.map(waitForExit));
      expect(readdirSync(running.tempDirectory)).toEqual([]);
    });

    test('with processes that it leaves running, also outside its process group, before commands resume', async ({
      migration,
    }) => {
      const quick = (name: string) => `echo $$ > ${name}; exec sleep 300`;
      const running = migration({
        command: `bash -c '${quick('child')}' &
          setsid bash -c '${quick('session')}' &
          until [ -s child ] && [ -s session ]; do sleep 0.05; done`,
      });
      const pids = await Promise.all(['child', 'session'].map(running.readLine));
      running.advanceTime();
      expect((await running.finished).outcome).toBe('[ended 2] done');
      expect(pids.map(isRunning)).toEqual([false, false]);
    });

    test('and processes that it left running print nothing after commands resume', async ({ migration }) => {
      const running = migration({
        command: `bash -c 'trap "" TERM; while :; do echo ::error::late; done' &
          until [ -e started ]; do touch started; done`,
      });
      running.advanceTime();
      const { outcome, stdout } = await running.finished;
      expect(outcome).toBe('[ended 1] done');
      expect(stdout).toMatch(/::error::late\n\n::\S{20,}::\n$/);
    });

    test('without waiting for an unknown process that keeps the output open', async ({ migration }) => {
      const running = migration({
        command:
          'env -i setsid bash -c "echo \\$\\$ > hidden; exec sleep 300" & until [ -s hidden ]; do sleep 0.05; done; echo end',
      });
      const { outcome, stdout } = await running.finished;
      expect(outcome).toBe('done');
      expect(stdout).toContain('\nend\n');
      process.kill(Number(await running.readLine('hidden')), 'SIGKILL');
    });

    test('after time for a rollback: the tool gets SIGTERM, and the run does not wait after its end', async ({
      migration,
    }) => {
      const command = `trap 'echo rolled back; exit 0' TERM\necho $$ > child\nwhile :; do sleep 0.1; done`;
      const running = migration({ command });
      const pids = await pidsIn(running, ['child']);
      running.child.kill('SIGTERM');
      await Promise.all(pids.map(waitForExit));
      running.advanceTime();
      const { stdout, elapsedMs } = await running.finished;
      expect(stdout).toContain('rolled back');
      expect(elapsedMs).toBeLessThan(2000);
    });
  },
);

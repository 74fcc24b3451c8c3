import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { migrationEnvironment } from '../../src/migrate.ts';
import { type GivenMigration, startMigration } from '../helpers/unit/migration.ts';

async function migrated(given: GivenMigration) {
  const { ended, temporary, workspace } = startMigration(given);
  return { ...(await ended), temporary, workspace };
}

/** Waits for a file's text; the fast way to know that a process is where the test wants it. */
async function textOf(path: string): Promise<string> {
  for (let i = 0; i < 400; i += 1) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.endsWith('\n')) return text.trim();
    await sleep(25);
  }
  throw new Error(`${path} was not written`);
}

/** Whether a process is there and no zombie that nobody has reaped yet. */
function lives(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('design.md, the migration’s environment', () => {
  const taken = [
    'INPUT_ADMIN-PASSWORD',
    'INPUT_X',
    'STATE_rule',
    'GITHUB_STATE',
    'ACTIONS_ID_TOKEN_REQUEST_URL',
    'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
    'ACTIONS_RUNTIME_TOKEN',
    'AZURE_CLIENT_SECRET',
  ];
  const kept = [
    'PATH',
    'HOME',
    'GITHUB_ENV',
    'GITHUB_OUTPUT',
    'GITHUB_STEP_SUMMARY',
    'GITHUB_SHA',
    'RUNNER_TEMP',
    'AZURE_CLIENT_ID',
    'MY_INPUT_X',
    'ACTIONS_RUNTIME_URL',
  ];

  test('is what a run: step would have, plus the connection, less what is taken away', () => {
    const names = fc.uniqueArray(fc.constantFrom(...taken, ...kept));
    fc.assert(
      fc.property(names, (present) => {
        const env = Object.fromEntries(present.map((name) => [name, 'x']));
        const result = migrationEnvironment(env, new Map([['DB_HOST', 'h']]));
        expect(Object.keys(result).sort()).toEqual(
          [...present.filter((name) => kept.includes(name)), 'DB_HOST'].sort(),
        );
      }),
    );
  });

  test('the connection wins over what a former step has set', () => {
    expect(migrationEnvironment({ DB_HOST: 'old' }, new Map([['DB_HOST', 'new']]))).toEqual({
      DB_HOST: 'new',
    });
  });
});

describe('the command', () => {
  test('law 6 and the runner’s rules: its output streams with workflow commands stopped', async () => {
    const { outcome, stdout, stderr } = await migrated({
      command: 'echo ::set-output::x\necho note >&2\nprintf end',
    });
    expect(outcome).toBe('done');
    const [, token = ''] = /^::stop-commands::(\S{20,})\n/.exec(stdout) ?? [];
    expect(token).not.toBe('');
    expect(stdout).toBe(`::stop-commands::${token}\n::set-output::x\nend\n::${token}::\n`);
    expect(stderr).toBe('note\n');
  });

  test('is judged by its exit code alone: a NOTICE on standard error is no failure, another code is', async () => {
    const [noted, failed] = await Promise.all([
      migrated({ command: 'echo NOTICE >&2; exit 0' }),
      migrated({ command: 'echo fine; exit 3' }),
    ]);
    expect(noted.outcome).toBe('done');
    expect(failed.outcome).toContain('ended with exit code 3');
    expect(failed.outcome).toContain('(migration-failed)');
    expect(failed.stdout).toMatch(/\n::\S{20,}::\n$/);
  });

  test('runs as the runner’s bash: ends at the first failure, also within a pipe, and reads no profile', async () => {
    const commands = ['false\necho reached', 'false | cat\necho reached'];
    for (const { outcome, stdout } of await Promise.all(commands.map((command) => migrated({ command })))) {
      expect(outcome).toContain('exit code 1');
      expect(stdout).not.toContain('reached');
    }
  });

  test('takes any text: several lines, quotes, dollars', async () => {
    const { stdout } = await migrated({
      command: "x='a \"b\"'\ncat <<'EOF'\n$HOME '' `x`\nEOF\necho \"$x\"",
    });
    expect(stdout).toContain('$HOME \'\' `x`\na "b"\n');
  });

  test('runs in its working directory of the workspace', async () => {
    const { workspace, ended } = startMigration({ command: 'mkdir sub; cd sub; pwd' });
    expect((await ended).stdout).toContain(`\n${realpathSync(workspace)}/sub\n`);
    const inside = startMigration({ command: 'pwd', workingDirectory: 'db' });
    await mkdir(join(inside.workspace, 'db'));
    expect((await inside.ended).stdout).toContain(`\n${realpathSync(inside.workspace)}/db\n`);
  });

  test('one that cannot be started is a failed migration', async () => {
    const { outcome } = await migrated({ command: 'true', workingDirectory: 'missing' });
    expect(outcome).toMatch(/could not be started: .*\(migration-failed\)/s);
  });

  test('leaves no script behind, which might hold secrets, whether it ends well, ill or in time', async () => {
    const all = [{ command: 'true' }, { command: 'false' }, { command: 'sleep 60', timeout: 300 }];
    for (const { temporary } of await Promise.all(all.map(migrated)))
      expect(readdirSync(temporary)).toEqual([]);
  });

  test('the script is readable by its owner alone', async () => {
    const { stdout } = await migrated({ command: 'stat -c %a "$0"' });
    expect(stdout).toContain('\n600\n');
  });
});

describe.skipIf(process.platform !== 'linux')(
  'issue: ended with its whole process tree on timeout or cancellation',
  () => {
    /** A command with a grandchild in its group, one in a session of its own, and one that ignores SIGTERM. */
    const family = (stubborn: string) => `
    bash -c 'echo $$ > child; exec sleep 300' &
    bash -c 'setsid bash -c "echo \\$\\$ > session; exec sleep 300" & wait' &
    ${stubborn}
    wait`;
    const stubborn = `bash -c 'trap "" TERM; echo $$ > stubborn; while :; do sleep 1; done' &`;

    async function pidsIn(workspace: string, files: readonly string[]): Promise<readonly string[]> {
      const pids = await Promise.all(files.map((file) => textOf(join(workspace, file))));
      for (const pid of pids) expect(lives(pid)).toBe(true);
      return pids;
    }

    test('on cancellation, also what left the process group; politely, so at once where it obeys', async () => {
      const { child, workspace, ended } = startMigration({ command: family('') });
      const pids = await pidsIn(workspace, ['child', 'session']);
      const start = performance.now();
      child.kill('SIGTERM');
      expect((await ended).outcome).toBe('the job was cancelled');
      expect(performance.now() - start).toBeLessThan(6000);
      expect(pids.filter(lives)).toEqual([]);
    });

    test('also what ignores SIGTERM, before GitHub’s own patience of 7.5 s is over', async () => {
      const { child, workspace, ended } = startMigration({ command: family(stubborn) });
      const pids = await pidsIn(workspace, ['child', 'session', 'stubborn']);
      const start = performance.now();
      child.kill('SIGTERM');
      expect((await ended).outcome).toBe('the job was cancelled');
      expect(performance.now() - start).toBeLessThan(7500);
      expect(pids.filter(lives)).toEqual([]);
    });

    test('on its own timeout, which the error names', async () => {
      const { workspace, ended } = startMigration({ command: 'echo $$ > child; sleep 300', timeout: 1000 });
      const { outcome } = await ended;
      expect(outcome).toContain('took longer than migration-timeout-minutes (1.0 s)');
      expect(outcome).toContain('(migration-failed)');
      expect(lives(await textOf(join(workspace, 'child')))).toBe(false);
    });

    test('a tool gets SIGTERM first, and its time to roll back', async () => {
      const command = `trap 'echo rolled back; exit 0' TERM\necho $$ > child\nwhile :; do sleep 0.1; done`;
      const { child, workspace, ended } = startMigration({ command });
      await pidsIn(workspace, ['child']);
      child.kill('SIGTERM');
      expect((await ended).stdout).toContain('rolled back');
    });
  },
);

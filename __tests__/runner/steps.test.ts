import { expect, onTestFinished, vi } from 'vitest';
import { scriptStep, test, waitForExit, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

test('after a failure only failure() and always() steps run, and the run fails', async ({ run }) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      'run: exit 3',
      'run: echo "ran-by-default"',
      'if: failure()\nrun: echo "ran-on-failure" | tr - _',
      'if: ${{ always() }}\nrun: echo "ran-always" | tr - _',
      'if: true\nrun: echo "ran-if-true" | tr - _',
      'if: cancelled()\nrun: echo "ran-if-cancelled" | tr - _',
    ),
  );
  expect(exitCode).toBe(1);
  expect(log).toContain('Error: Process completed with exit code 3.');
  expect(log.match(/ran_\w+/g)).toEqual(['ran_on_failure', 'ran_always']);
  expect(log).toContain('flow.yml: failure');
});

test('with continue-on-error the outcome is failure, and the conclusion and the run are success', async ({
  run,
}) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      'id: loose\nrun: exit 1\ncontinue-on-error: true',
      'run: echo "${{ steps.loose.outcome }}, ${{ steps.loose.conclusion }}, ${{ job.status }}"',
    ),
  );
  expect(exitCode).toBe(0);
  expect(log).toContain('failure, success, success');
});

test('conditions and values can be expressions with contexts and functions', async ({ run }) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      "if: github.ref == 'refs/heads/main' && vars.PLACE == 'moon'\nrun: echo \"${{ format('{0}-{1}', vars.PLACE, runner.os) }}\"",
      'if: contains(fromJSON(\'["a", "b"]\'), \'c\')\nrun: echo "not this"',
      "run: echo \"[${{ join(github.event.repository.*.login, ',') }}] [${{ secrets.NONE }}] [${{ env.NONE || 'else' }}]\"",
      "run: echo '${{ toJSON(github.event.repository.name) }}'",
    ),
    { vars: { PLACE: 'moon' } },
  );
  expect(exitCode).toBe(0);
  expect(log).toContain('moon-Linux');
  expect(log).toContain('[relecloud] [] [else]');
  expect(log).toMatch(/^\s+"space-travel"$/m);
  expect(log).not.toMatch(/^\s+not this$/m);
});

test('an expression that cannot be evaluated fails its step, and the error quotes it', async ({ run }) => {
  const { exitCode, log } = await run(
    workflowWithSteps('run: echo "${{ fromJSON(\'{\') }}"', 'if: always()\nrun: echo "later"'),
  );
  expect(exitCode).toBe(1);
  expect(log).toMatch(/Error: The expression '.*fromJSON.*' cannot be evaluated/);
  expect(log).toMatch(/^\s+later$/m);
});

test('hashFiles hashes the matching files of the workspace, and is empty if there are none', async ({
  run,
}) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      "if: hashFiles('none/*.json') == ''\nrun: echo \"no match\"",
      "run: echo \"[${{ hashFiles('**/action.yml') }}] [${{ hashFiles('**/action.yml', '!probe/*') }}]\"",
    ),
  );
  expect(exitCode).toBe(0);
  expect(log).toContain('no match');
  const [, all, fewer] = /\[([0-9a-f]{64})\] \[([0-9a-f]{64})\]/.exec(log) ?? [];
  expect(all).toBeDefined();
  expect(fewer).not.toBe(all);
});

test('bash stops at the first error, and uses pipefail only if the step names it as its shell', async ({
  run,
}) => {
  const { log } = await run(
    workflowWithSteps(
      scriptStep('false | cat\necho "no pipefail"\nfalse\necho "not reached 1"'),
      `if: always()\nshell: bash\n${scriptStep('false | cat\necho "not reached 2"')}`,
      `if: always()\nshell: sh\n${scriptStep('echo "in $0"\nfalse\necho "not reached 3"')}`,
      `if: always()\nshell: node {0}\n${scriptStep('console.log("node", 40 + 2)')}`,
    ),
  );
  const lines = log.split('\n').map((line) => line.trim());
  expect(lines).toContain('no pipefail');
  expect(lines).toContain('node 42');
  expect(lines.filter((line) => line.startsWith('not reached'))).toEqual([]);
});

test('defaults.run and working-directory set the folder of a script', async ({ run }) => {
  const { exitCode, log } = await run(
    `defaults:\n  run:\n    working-directory: probe\n${workflowWithSteps(
      'run: basename "$PWD"',
      'run: basename "$PWD"\nworking-directory: with-pre',
      'run: true\nworking-directory: none',
    )}`,
  );
  expect(exitCode).toBe(1);
  expect(log).toMatch(/^\s+probe$/m);
  expect(log).toMatch(/^\s+with-pre$/m);
  expect(log).toContain("Error: The working-directory 'none' does not exist");
});

test("steps get the runner's variables and a few of the machine's, none of npm's", async ({ run }) => {
  const { log } = await run(workflowWithSteps('id: here\nrun: env | sort'));
  for (const line of [
    'CI=true',
    'GITHUB_ACTIONS=true',
    'GITHUB_ACTION=here',
    'GITHUB_EVENT_NAME=push',
    'GITHUB_JOB=job',
    'GITHUB_REF=refs/heads/main',
    'GITHUB_REF_NAME=main',
    'GITHUB_REPOSITORY=relecloud/space-travel',
    'GITHUB_REPOSITORY_OWNER=relecloud',
    'GITHUB_RUN_ATTEMPT=1',
    'GITHUB_SERVER_URL=https://github.com',
    'RUNNER_OS=Linux',
  ]) {
    expect(log).toMatch(new RegExp(`^\\s+${line.replaceAll('/', '\\/')}$`, 'm'));
  }
  expect(log).toMatch(/GITHUB_SHA=[0-9a-f]{40}$/m);
  expect(log).toMatch(/GITHUB_REPOSITORY_ID=\d+$/m);
  expect(log).not.toMatch(/npm_|VITEST|NODE_ENV/);
});

test('a step that exceeds its timeout-minutes is interrupted and fails', async ({ run }) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const pendingTimers: number[] = [];
  const { exitCode, log } = await run(
    workflowWithSteps(
      `timeout-minutes: 0.01\n${scriptStep('trap "echo interrupted; exit 0" INT\necho "now-waiting" | tr a-z A-Z\nwhile true; do sleep 0.05; done')}`,
      'if: failure()\nrun: echo "a failure"',
    ),
    {
      // The time passes only after the script has set its trap.
      write: (line) => {
        if (!line.includes('NOW-WAITING')) return;
        for (const milliseconds of [599, 1]) {
          vi.advanceTimersByTime(milliseconds);
          pendingTimers.push(vi.getTimerCount());
        }
      },
    },
  );
  expect(pendingTimers).toEqual([1, 0]);
  expect(exitCode).toBe(1);
  expect(log).toMatch(/^\s+interrupted$/m);
  expect(log).toContain('Error: The step has timed out after 0.01 minute(s).');
  expect(log).toMatch(/^\s+a failure$/m);
});

test('timeout-minutes is in minutes of real time', async ({ run }) => {
  const { exitCode, log } = await run(workflowWithSteps('timeout-minutes: 0.001\nrun: exec sleep 3600'));
  expect(exitCode).toBe(1);
  expect(log).toContain('Error: The step has timed out after 0.001 minute(s).');
});

test('a process that a step leaves in the background is killed at the end of the job', async ({ run }) => {
  const { log } = await run(
    workflowWithSteps(scriptStep('sleep 300 > /dev/null 2>&1 &\necho "left-behind $!"'), 'run: echo "next"'),
  );
  const pid = Number(/left-behind (\d+)$/m.exec(log)?.[1]);
  expect(log).toContain(`Terminate orphan process: pid (${pid}) (sleep)`);
  await waitForExit(pid);
});

test('programs with libpq in a script get the address of the published host', async ({ run, write }) => {
  const hosts = write('127.1.2.3 one.postgres.database.azure.localhost\n', 'hosts');
  const { log } = await run(
    workflowWithSteps(
      'run: echo "before $PGHOSTADDR."',
      'run: echo "DB_HOST=one.postgres.database.azure.localhost" >> "$GITHUB_ENV"',
      'run: echo "after $PGHOSTADDR."',
      'run: echo "own $PGHOSTADDR."\nenv: { PGHOSTADDR: 127.9.9.9 }',
      'run: echo "other $PGHOSTADDR."\nenv: { DB_HOST: db.example.com }',
    ),
    { env: { EMULATOR_HOSTS_FILE: hosts } },
  );
  expect(log.match(/\b(?:before|after|own|other) [\d.]+$/gm)).toEqual([
    'before .',
    'after 127.1.2.3.',
    'own 127.9.9.9.',
    'other .',
  ]);
});

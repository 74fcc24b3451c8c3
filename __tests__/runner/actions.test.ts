import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { parseWorkflowText } from '../../workflow-runner/workflow.ts';
import { test, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

/** A step with the action `probe`, which runs the JavaScript in its inputs `main` and `post`. */
function probeStep(inputs: Readonly<Record<string, string>>, moreKeys = ''): string {
  const lines = Object.entries(inputs).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`);
  return ['uses: ./probe', 'with:', ...lines, moreKeys].join('\n');
}

const printVariable = (name: string) => `console.log('${name} is [' + process.env['${name}'] + ']');`;
const appendToFile = (variable: string, text: string) =>
  `(await import('node:fs')).appendFileSync(process.env.${variable}, ${JSON.stringify(text)});`;

test('an action gets its inputs and evaluated defaults as INPUT_*, and also an undeclared input, with a warning', async ({
  run,
}) => {
  const names = [
    'INPUT_GREETING',
    'INPUT_REPOSITORY',
    'INPUT_TWO_WORDS',
    'INPUT_NEEDED',
    'INPUT_UNKNOWN-ONE',
    'INPUT_OLD',
  ];
  const { exitCode, log } = await run(
    workflowWithSteps(
      probeStep({
        main: names.map(printVariable).join(''),
        'two words': 'x y',
        'unknown-one': 'u',
        old: '1',
        greeting: '',
      }),
    ),
  );
  expect(exitCode).toBe(0);
  expect(log).toContain('INPUT_GREETING is []');
  expect(log).toContain('INPUT_REPOSITORY is [relecloud/space-travel]');
  expect(log).toContain('INPUT_TWO_WORDS is [x y]');
  expect(log).toContain('INPUT_NEEDED is []');
  expect(log).toContain('INPUT_UNKNOWN-ONE is [u]');
  expect(log).toContain(
    "Warning: Unexpected input(s) 'unknown-one', valid inputs are ['main', 'post', 'two words'",
  );
  expect(log).toContain("Warning: The input 'old' is deprecated: use greeting");
});

test('post steps run in reverse order after all steps, also after a failure, each with its own state', async ({
  run,
}) => {
  const action = (name: string, main = '') =>
    probeStep(
      { main: appendToFile('GITHUB_STATE', `who=${name}\n`) + main, post: printVariable('STATE_who') },
      `name: ${name}`,
    );
  const { exitCode, log } = await run(
    workflowWithSteps(
      action('First'),
      action('Second', 'process.exit(1);'),
      action('Third'),
      'if: always()\nrun: echo "last step"',
    ),
  );
  expect(exitCode).toBe(1);
  expect(log.match(/▶ .*/g)).toEqual([
    '▶ First',
    '▶ Second',
    '▶ Run echo "last step"',
    '▶ Post Second',
    '▶ Post First',
  ]);
  expect(log.match(/STATE_who is \[\w+\]/g)).toEqual(['STATE_who is [Second]', 'STATE_who is [First]']);
});

test('post gets the state that main saved before it was killed', async ({ run }) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      probeStep({
        main: `${appendToFile('GITHUB_STATE', 'rule=r-1\n')}process.kill(process.pid, 'SIGKILL');await new Promise(() => {});`,
        post: "console.log('cleaning', process.env.STATE_rule)",
      }),
    ),
  );
  expect(exitCode).toBe(1);
  expect(log).toMatch(/^\s+cleaning r-1$/m);
});

test('a failing post step fails the run', async ({ run }) => {
  const { exitCode, log } = await run(workflowWithSteps(probeStep({ post: 'process.exit(2)' })));
  expect(exitCode).toBe(1);
  expect(log).toContain('flow.yml: failure');
});

test('post-if decides whether post runs; the pre of a local action is not run, with a warning', async ({
  run,
}) => {
  const { exitCode, log } = await run(workflowWithSteps('uses: ./with-pre'));
  expect(exitCode).toBe(0);
  expect(log).toContain("Warning: 'pre' of the local action './with-pre' is not run");
  expect(log).toContain('main ran');
  expect(log).not.toMatch(/^\s+p(re|ost) ran$/m);
});

test('the inputs of post are evaluated again, so they contain the environment that a later step has set', async ({
  run,
}) => {
  const { log } = await run(
    workflowWithSteps(
      "uses: ./probe\nwith:\n  greeting: ${{ env.LATER || 'first' }}\n  post: console.log('greeting', process.env.INPUT_GREETING)",
      'run: echo "LATER=changed" >> "$GITHUB_ENV"',
    ),
  );
  expect(log).toMatch(/^\s+greeting changed$/m);
});

test('an invalid, unsupported or missing local action fails its step with the reason', async ({ run }) => {
  const { exitCode, log } = await run(
    workflowWithSteps('uses: ./misspelt', 'if: always()\nuses: ./composite', 'if: always()\nuses: ./nowhere'),
  );
  expect(exitCode).toBe(1);
  expect(log).toContain("action.yml (Line: 3, Col: 1): Unexpected value 'inptus'");
  expect(log).toContain("'using: composite'; this runner supports only JavaScript actions");
  expect(log).toMatch(/Error: No action\.yml or action\.yaml in .*nowhere: check the path/);
});

test('the log has the inputs of an action once: the post step does not repeat them', async ({ run }) => {
  const { log } = await run(
    workflowWithSteps(probeStep({ post: 'console.log("post ran")', greeting: 'hello' })),
  );
  expect(log).toContain('post ran');
  expect(log.match(/greeting: hello/g)).toHaveLength(1);
});

test('checkout copies a project to the new workspace, without what is not in its repository', async ({
  run,
  write,
}) => {
  const project = dirname(write('one', 'file'));
  mkdirSync(join(project, 'src', 'node_modules', 'a'), { recursive: true });
  mkdirSync(join(project, '.git'));
  writeFileSync(join(project, 'src', '.hidden'), '');
  const { log } = await run(
    workflowWithSteps(
      'run: echo "before $(ls -A)."',
      'uses: actions/checkout@v7',
      'run: echo "after $(ls -A . src | tr "\\n" " ")."',
    ),
    { workspace: undefined, repository: project },
  );
  expect(log).toMatch(/^ +before \.$/m);
  expect(log).toMatch(/^ +after .*\bsrc\b.*\.hidden/m);
  expect(log).not.toMatch(/^ +after .*(node_modules|\.git\b)/m);
});

test('setup-python fails with advice on a machine without Python', async ({ run }) => {
  const { exitCode, log } = await run(workflowWithSteps('uses: actions/setup-python@v7'), {
    env: { PATH: '/nonexistent' },
  });
  expect(exitCode).toBe(1);
  expect(log).toContain('install Python 3 with its module venv');
});

test('stubs replace checkout and setup-node; a workflow with another remote action is rejected before it starts', async ({
  run,
}) => {
  const { exitCode, log } = await run(
    workflowWithSteps('uses: actions/checkout@v5', 'uses: actions/setup-node@v5', 'run: node --version'),
  );
  expect(exitCode).toBe(0);
  expect(log).toContain(process.version);
  const lines: string[] = [];
  const rejected = run(workflowWithSteps('run: echo "ran"', 'uses: azure/login@v2'), {
    write: (line) => lines.push(line),
  });
  await expect(rejected).rejects.toThrow(
    /flow\.yml \(Line: 7\): this runner does not support 'azure\/login@v2'\. Use OWNER\/azure-postgresql-action@REF/,
  );
  expect(lines).toEqual([]);
});

describe('the OIDC variables ACTIONS_ID_TOKEN_REQUEST_*', () => {
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: 'https://oidc.example/token',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
  };
  const body = workflowWithSteps(
    probeStep({
      main: printVariable('ACTIONS_ID_TOKEN_REQUEST_URL') + printVariable('ACTIONS_RUNTIME_TOKEN'),
    }),
    'run: echo "a script has [$ACTIONS_ID_TOKEN_REQUEST_URL] [$ACTIONS_ID_TOKEN_REQUEST_TOKEN] [$ACTIONS_RUNTIME_TOKEN]"',
  );
  const inJob = (permissions: string) =>
    body.replace('    steps:', `    permissions: ${permissions}\n    steps:`);

  test.each([
    [true, 'id-token: write in the workflow', `permissions: { id-token: write }\n${body}`],
    [true, 'id-token: write in the job', inJob('{ id-token: write }')],
    [true, 'write-all', `permissions: write-all\n${body}`],
    [false, 'no permissions', body],
    [false, 'other permissions', `permissions: { contents: read, id-token: none }\n${body}`],
    [
      false,
      'id-token: write in the workflow, but other permissions in the job',
      `permissions: { id-token: write }\n${inJob('{ contents: read }')}`,
    ],
  ])('the permission is granted: %s, with %s', async (granted, _name, workflow) => {
    const [job] = (await parseWorkflowText(workflow, 'f.yml')).jobs;
    expect(job?.permissions['id-token'] === 'write').toBe(granted);
  });

  test('actions and scripts of a job with id-token: write get them, but only actions get the runtime token', async ({
    run,
  }) => {
    const { log } = await run(`permissions: { id-token: write }\n${body}`, { env });
    expect(log).toMatch(/ACTIONS_ID_TOKEN_REQUEST_URL is \[https:\/\/oidc\.example\/token\?\S+\]/);
    expect(log).toContain('ACTIONS_RUNTIME_TOKEN is [***]');
    expect(log).toMatch(/a script has \[https:\/\/oidc\.example\/token\?\S+\] \[\*\*\*\] \[\]/);
  });

  test('a job without id-token: write does not get them', async ({ run }) => {
    const { log } = await run(body, { env });
    expect(log).toContain('ACTIONS_ID_TOKEN_REQUEST_URL is [undefined]');
    expect(log).toContain('a script has [] [] []');
  });

  const repo = (name: string) => ({ ref: 'b', repo: { full_name: name } });
  const pull = { number: 7, head: repo('relecloud/x'), base: repo('relecloud/x') };
  const fromFork = { action: 'opened', pull_request: { ...pull, head: repo('fork/x') } };
  const review = { action: 'submitted', pull_request: fromFork.pull_request };
  const sender = { login: 'dependabot[bot]' };

  test.for([
    ["a fork's pull request", 'pull_request', fromFork],
    ["a review of a fork's pull request", 'pull_request_review', review],
    ['a push of Dependabot', 'push', { ref: 'refs/heads/main', sender }],
    [
      "Dependabot's pull_request_target",
      'pull_request_target',
      { action: 'opened', pull_request: pull, sender },
    ],
  ] as const)('%s does not get them, and no secrets', async ([, name, event], { run, write }) => {
    const workflow = `permissions: { id-token: write }\n${body}      - run: echo "secret [\${{ secrets.PASSWORD }}]"\n`;
    const { log } = await run(workflow.replace('on: push', `on: ${name}`), {
      env,
      secrets: { PASSWORD: 'known' },
      eventName: name,
      event: write(JSON.stringify(event), 'event.json'),
    });
    expect(log).toContain('ACTIONS_ID_TOKEN_REQUEST_URL is [undefined]');
    expect(log).toContain('secret []');
  });
});

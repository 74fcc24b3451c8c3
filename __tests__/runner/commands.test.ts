import { describe, expect } from 'vitest';
import {
  type CommandHandlers,
  CommandProcessor,
  parseCommand,
} from '../../workflow-runner/workflow-commands.ts';
import { scriptStep, test, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

const knownCommands = new Set(['error', 'group']);

describe('parseCommand', () => {
  test('parses properties and unescapes values', () => {
    expect(
      parseCommand('  ::error file=a%2Cb.js,line=3,title=A%3A B::one%0Atwo%250A%25', knownCommands),
    ).toEqual({
      name: 'error',
      properties: { file: 'a,b.js', line: '3', title: 'A: B' },
      data: 'one\ntwo%0A%',
    });
  });

  test('parses the older form, in any case', () => {
    expect(parseCommand('##[GROUP]Title', knownCommands)).toEqual({
      name: 'group',
      properties: {},
      data: 'Title',
    });
  });

  test.each(['text ::error::no', '::unknown::x', '::error', ': :error::x', ''])(
    'does not take %j for a command',
    (line) => {
      expect(parseCommand(line, knownCommands)).toBeUndefined();
    },
  );
});

function createRecorder(): { calls: string[]; processor: CommandProcessor } {
  const calls: string[] = [];
  const call =
    (name: string) =>
    (...args: readonly unknown[]) => {
      calls.push([name, ...args.filter((arg) => typeof arg === 'string')].join(' '));
    };
  const handlers: CommandHandlers = {
    addMask: call('mask'),
    annotate: call('annotate'),
    debug: call('debug'),
    group: call('group'),
    endGroup: call('endGroup'),
    setOutput: call('output'),
    saveState: call('state'),
    print: call('line'),
  };
  return { calls, processor: new CommandProcessor(handlers) };
}

test('after stop-commands, commands are plain text until its token; another token does not resume them', () => {
  const { calls, processor } = createRecorder();
  for (const line of [
    '::stop-commands::a-random-token',
    '::error::inert',
    '::add-mask::inert',
    '::another-token::',
    '::stop-commands::x',
    '::a-random-token::',
    '::error::live',
  ]) {
    processor.process(line);
  }
  expect(calls).toEqual([
    'mask a-random-token',
    'line ::stop-commands::a-random-token',
    'line ::error::inert',
    'line ::add-mask::inert',
    'line ::another-token::',
    'line ::stop-commands::x',
    'line ::a-random-token::',
    'annotate error live',
  ]);
});

test.each(['', 'error', 'Add-Mask'])("stop-commands rejects the token '%s' and fails the step", (token) => {
  const { processor } = createRecorder();
  processor.process(`::stop-commands::${token}`);
  expect(processor.failed).toBe(true);
});

test('commands on standard error are executed too, and groups indent their lines', async ({ run }) => {
  const { log } = await run(
    workflowWithSteps(
      scriptStep(
        'echo "::group::Inside" >&2\necho "held" >&2\necho "::endgroup::" >&2\necho "::notice::seen" >&2',
      ),
    ),
  );
  expect(log).toMatch(/\n {4}▼ Inside\n {6}held\n {4}Notice: seen\n/);
});

test('annotations are listed at the end with title and location', async ({ run }) => {
  const { log } = await run(
    workflowWithSteps(scriptStep('echo "::warning file=a.js,line=3,title=Care::look%0Ahere"')),
  );
  expect(log).toMatch(/\nAnnotations\n {2}Warning: a\.js:3: Care: look\n {2}here\n/);
});

test('set-env and add-path are disabled and fail the step; set-output and save-state work with a warning', async ({
  run,
}) => {
  const { exitCode, log } = await run(
    workflowWithSteps(
      `id: made\n${scriptStep('echo "::set-output name=a::b"')}`,
      scriptStep('echo "[${{ steps.made.outputs.a }}]"'),
      scriptStep('echo "::set-env name=A::b"'),
    ),
  );
  expect(exitCode).toBe(1);
  expect(log).toContain(
    "Warning: 'set-output' is deprecated; write to the file that GITHUB_OUTPUT names instead.",
  );
  expect(log).toContain('[b]');
  expect(log).toContain("Error: Unable to process command 'set-env': it is disabled");
});

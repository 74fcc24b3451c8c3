import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  clearRunningEmulator,
  EmulatorError,
  type EmulatorProcess,
  findRunningEmulator,
  saveRunningEmulator,
  startEmulatorProcess,
  stopEmulator,
} from './emulator-process.ts';
import { exampleProject, exampleValues, machineEnvironment } from './example-project.ts';
import { changedGitHubTexts, readGitHubTexts } from './github-report.ts';
import {
  checkWorkflow,
  createGitHubControl,
  type GitHubControl,
  type RunResult,
  runWorkflow,
  WorkflowError,
} from './run-workflow.ts';

const USAGE = `Usage: npm start -- [FILE.yml] [options]

Runs a workflow file (by default examples/deploy.yml) as GitHub's runner does, against the emulated Azure.
The exit code is 0 if every job succeeded or was skipped, post steps included.

  --event FILE.json    the event's payload, as GitHub sends it to webhooks
  --event-name NAME    the event's name, if it cannot be derived from the payload
  --secret NAME=VALUE  adds a secret; --var NAME=VALUE adds a variable (repeatable)
  --env NAME=VALUE     adds an environment variable to every step (repeatable)
  --keep               keeps the emulator and its state for the next run, which
                       stops it unless that run also has --keep
  --stop               only stops an emulator that was started with --keep
  --no-emulator        runs without an emulator, for workflows that do not use Azure
  --no-host-names      gives servers of a new emulator addresses instead of host names, for programs that use
                       neither Node.js nor libpq (see workflow-runner/README.md)
  --workspace FOLDER   the project that actions/checkout copies to a new workspace (by default that of the
                       example: examples/relecloud or examples/django; for other workflows this repository)
  --latency, --provision, --firewall-delay, --blocked, --retry-after, --password-storage
                       options of a new emulator, see 'npm run emulator -- --help'
  --help               prints this text`;

const EMULATOR_FLAGS = [
  'latency',
  'provision',
  'firewall-delay',
  'blocked',
  'retry-after',
  'password-storage',
] as const;

class UsageError extends Error {
  override readonly name = 'UsageError';
}

function parseArguments(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const list = { type: 'string', multiple: true, default: [] as string[] } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        event: text,
        'event-name': text,
        secret: list,
        var: list,
        env: list,
        keep: flag,
        stop: flag,
        'no-emulator': flag,
        'no-host-names': flag,
        workspace: text,
        help: flag,
        latency: text,
        provision: text,
        'firewall-delay': text,
        blocked: text,
        'retry-after': text,
        'password-storage': text,
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

type Arguments = ReturnType<typeof parseArguments>['values'];

function parsePairs(flag: string, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const equals = value.indexOf('=');
      if (equals < 1) throw new UsageError(`--${flag} needs NAME=VALUE, not '${value}'.`);
      return [value.slice(0, equals), value.slice(equals + 1)];
    }),
  );
}

/** Aborts on the first SIGINT or SIGTERM, so that post steps still run; exits on the second one. */
function createCancellationSignal(): AbortSignal {
  const controller = new AbortController();
  let firstSignalAt = 0;
  const onSignal = () => {
    // npm forwards a signal that the terminal has also sent to this process, so one Ctrl-C arrives twice.
    if (firstSignalAt > 0 && Date.now() - firstSignalAt < 1000) return;
    if (firstSignalAt > 0) process.exit(130);
    firstSignalAt = Date.now();
    console.log('Canceling the run. Post steps still run; press Ctrl-C again to exit immediately.');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}

async function findOrStartEmulator(root: string, values: Arguments): Promise<EmulatorProcess | undefined> {
  if (values['no-emulator']) return undefined;
  const running = await findRunningEmulator(root);
  if (running !== undefined) {
    console.log('Using the emulator that is already running.');
    return running;
  }
  const flags = EMULATOR_FLAGS.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  console.log('Starting the emulator …');
  if (!values['no-host-names']) flags.push('--host-names');
  return startEmulatorProcess(root, flags, values.keep);
}

async function releaseEmulator(root: string, emulator: EmulatorProcess, keep: boolean): Promise<void> {
  if (keep) {
    saveRunningEmulator(root, emulator);
    console.log('The emulator continues to run for the next run. To stop it: npm start -- --stop');
  } else {
    clearRunningEmulator(root);
    await stopEmulator(emulator);
  }
}

async function stopRunningEmulator(root: string): Promise<0> {
  const running = await findRunningEmulator(root);
  console.log(running === undefined ? 'No emulator is running.' : 'Stopping the emulator …');
  if (running !== undefined) await releaseEmulator(root, running, false);
  return 0;
}

async function runFile(root: string, values: Arguments, file: string): Promise<0 | 1> {
  const cancellation = createCancellationSignal();
  const overrides = {
    secrets: parsePairs('secret', values.secret),
    vars: parsePairs('var', values.var),
    env: parsePairs('env', values.env),
  };
  const source = { file, event: values.event, eventName: values['event-name'] };
  await checkWorkflow(source);
  const emulator = await findOrStartEmulator(root, values);
  try {
    const env = emulator?.env ?? {};
    const examples = exampleValues(env, emulator?.clientSecret);
    const gitHub = emulator && createGitHubControl(emulator);
    const run = () =>
      runWorkflow({
        ...source,
        repository: values.workspace ?? exampleProject(root, file),
        env: { ...machineEnvironment(env), ...overrides.env },
        secrets: { ...examples.secrets, ...overrides.secrets },
        vars: { ...examples.vars, ...overrides.vars },
        write: (line) => console.log(line),
        useColor: process.stdout.isTTY,
        cancellation,
        gitHub,
      });
    const result = await (gitHub === undefined ? run() : runAndReport(gitHub, run));
    return result.exitCode;
  } finally {
    if (emulator !== undefined) await releaseEmulator(root, emulator, values.keep);
  }
}

/** Runs a workflow, and prints the comments and issues that it has written, which GitHub would show on its own pages. */
async function runAndReport(gitHub: GitHubControl, run: () => Promise<RunResult>): Promise<RunResult> {
  const before = readGitHubTexts(await gitHub.readState());
  const result = await run();
  for (const text of changedGitHubTexts(before, readGitHubTexts(await gitHub.readState())))
    console.log(`\n${text}`);
  console.log('\nAll hosts, addresses and ids are made up: this run used the emulated Azure and GitHub.');
  return result;
}

async function main(): Promise<0 | 1 | 2> {
  const root = join(import.meta.dirname, '..');
  try {
    const { values, positionals } = parseArguments(process.argv.slice(2));
    if (positionals.length > 1)
      throw new UsageError(`Only one workflow file is allowed, not ${positionals.join(' and ')}.`);
    if (values.help) {
      console.log(USAGE);
      return 0;
    }
    return values.stop
      ? await stopRunningEmulator(root)
      : await runFile(root, values, positionals[0] ?? 'examples/deploy.yml');
  } catch (error) {
    if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`);
    else if (error instanceof WorkflowError || error instanceof EmulatorError) console.error(error.message);
    else throw error;
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) process.exitCode = await main();

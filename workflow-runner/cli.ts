import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  clearKeptEmulator,
  EmulatorError,
  type EmulatorProcess,
  findKeptEmulator,
  saveKeptEmulator,
  startEmulatorProcess,
  stopEmulator,
} from './emulator-process.ts';
import { exampleValues } from './example-values.ts';
import { checkWorkflow, createGitHubControl, runWorkflow, WorkflowError } from './run-workflow.ts';

const USAGE = `Usage: npm start -- [FILE.yml] [options]

Runs a workflow file (examples/deploy.yml unless another is named) as GitHub's runner would, against the
emulated Azure. Exits 0 only if every step did, post steps included.

  --event FILE.json    the event's payload, as GitHub's webhooks send it
  --event-name NAME    the event's name, where the payload does not tell it
  --secret NAME=VALUE  one more secret; --var NAME=VALUE one more variable (both can be repeated)
  --env NAME=VALUE     one more variable of the machine's environment (can be repeated)
  --keep               leave the emulator running, with all that it holds, for the next call:
                       that one uses it, and ends it unless it says --keep too
  --stop               end the emulator that was left running, and do nothing else
  --no-emulator        run without one, for workflows that need no Azure
  --workspace FOLDER   the checkout that the steps work in (this project unless another is named)
  --latency, --provision, --firewall-delay, --blocked, --retry-after, --password-storage
                       for a new emulator, see 'npm run emulator'
  --help               this text`;

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
      if (equals < 1) throw new UsageError(`--${flag} takes NAME=VALUE, not '${value}'.`);
      return [value.slice(0, equals), value.slice(equals + 1)];
    }),
  );
}

/** Aborts on the first SIGINT or SIGTERM, so that post steps still run, and ends the process on a second one. */
function createCancellationSignal(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const onSignal = () => {
    // npm hands on a signal that the terminal has already sent to this process: one Ctrl-C arrives twice.
    if (first > 0 && Date.now() - first < 1000) return;
    if (first > 0) process.exit(130);
    first = Date.now();
    console.log('Cancelling the run; its post steps still run. Interrupt once more to stop at once.');
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}

async function findOrStartEmulator(root: string, values: Arguments): Promise<EmulatorProcess | undefined> {
  if (values['no-emulator']) return undefined;
  const kept = await findKeptEmulator(root);
  if (kept !== undefined) {
    console.log('Using the emulator that an earlier call kept.');
    return kept;
  }
  const flags = EMULATOR_FLAGS.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  console.log('Starting the emulated Azure …');
  return startEmulatorProcess(root, flags, values.keep);
}

async function releaseEmulator(root: string, emulator: EmulatorProcess, keep: boolean): Promise<void> {
  if (keep) {
    saveKeptEmulator(root, emulator);
    console.log("The emulator stays, for the next 'npm start'; end it with: npm start -- --stop");
  } else {
    clearKeptEmulator(root);
    await stopEmulator(emulator);
  }
}

async function stopKeptEmulator(root: string): Promise<0> {
  const kept = await findKeptEmulator(root);
  console.log(kept === undefined ? 'No emulator was left running.' : 'Ending the emulator …');
  if (kept !== undefined) await releaseEmulator(root, kept, false);
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
    const examples = exampleValues(emulator?.env ?? {}, emulator?.clientSecret);
    const result = await runWorkflow({
      ...source,
      workspace: values.workspace ?? root,
      env: { ...emulator?.env, ...overrides.env },
      secrets: { ...examples.secrets, ...overrides.secrets },
      vars: { ...examples.vars, ...overrides.vars },
      write: (line) => console.log(line),
      useColor: process.stdout.isTTY,
      cancellation,
      gitHub: emulator && createGitHubControl(emulator),
    });
    return result.exitCode;
  } finally {
    if (emulator !== undefined) await releaseEmulator(root, emulator, values.keep);
  }
}

async function main(): Promise<0 | 1 | 2> {
  const root = join(import.meta.dirname, '..');
  try {
    const { values, positionals } = parseArguments(process.argv.slice(2));
    if (positionals.length > 1)
      throw new UsageError(`One workflow at a time, not ${positionals.join(' and ')}.`);
    if (values.help) {
      console.log(USAGE);
      return 0;
    }
    return values.stop
      ? await stopKeptEmulator(root)
      : await runFile(root, values, positionals[0] ?? 'examples/deploy.yml');
  } catch (error) {
    if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`);
    else if (error instanceof WorkflowError || error instanceof EmulatorError) console.error(error.message);
    else throw error;
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main();

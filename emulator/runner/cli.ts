import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  EmulatorError,
  type EmulatorProcess,
  findKeptEmulator,
  forgetEmulator,
  keepEmulator,
  startEmulator,
  stopEmulator,
} from './emulator-process.ts';
import { exampleValues } from './example-values.ts';
import { checkWorkflow, gitHubControl, runWorkflow, WorkflowError } from './index.ts';

const usage = `Usage: npm start -- [FILE.yml] [options]

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

const emulatorFlags = [
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

function readArguments(args: readonly string[]) {
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

type Arguments = ReturnType<typeof readArguments>['values'];

function pairs(flag: string, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const equals = value.indexOf('=');
      if (equals < 1) throw new UsageError(`--${flag} takes NAME=VALUE, not '${value}'.`);
      return [value.slice(0, equals), value.slice(equals + 1)];
    }),
  );
}

/** Aborts on the first SIGINT or SIGTERM, so that post steps still run, and ends the process on a second one. */
function cancelOnSignal(): AbortSignal {
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

async function openEmulator(root: string, values: Arguments): Promise<EmulatorProcess | undefined> {
  if (values['no-emulator']) return undefined;
  const kept = await findKeptEmulator(root);
  if (kept !== undefined) {
    console.log('Using the emulator that an earlier call kept.');
    return kept;
  }
  const flags = emulatorFlags.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  console.log('Starting the emulated Azure …');
  return startEmulator(root, flags, values.keep);
}

async function closeEmulator(root: string, emulator: EmulatorProcess, keep: boolean): Promise<void> {
  if (keep) {
    keepEmulator(root, emulator);
    console.log("The emulator stays, for the next 'npm start'; end it with: npm start -- --stop");
  } else {
    forgetEmulator(root);
    await stopEmulator(emulator);
  }
}

async function stopKept(root: string): Promise<0> {
  const kept = await findKeptEmulator(root);
  console.log(kept === undefined ? 'No emulator was left running.' : 'Ending the emulator …');
  if (kept !== undefined) await closeEmulator(root, kept, false);
  return 0;
}

async function run(root: string, values: Arguments, file: string): Promise<0 | 1> {
  const cancellation = cancelOnSignal();
  const given = {
    secrets: pairs('secret', values.secret),
    vars: pairs('var', values.var),
    env: pairs('env', values.env),
  };
  const what = { file, event: values.event, eventName: values['event-name'] };
  await checkWorkflow(what);
  const emulator = await openEmulator(root, values);
  try {
    const examples = exampleValues(emulator?.env ?? {}, emulator?.clientSecret);
    const result = await runWorkflow({
      ...what,
      workspace: values.workspace ?? root,
      env: { ...emulator?.env, ...given.env },
      secrets: { ...examples.secrets, ...given.secrets },
      vars: { ...examples.vars, ...given.vars },
      write: (line) => console.log(line),
      coloured: process.stdout.isTTY,
      cancellation,
      gitHub: emulator && gitHubControl(emulator),
    });
    return result.exitCode;
  } finally {
    if (emulator !== undefined) await closeEmulator(root, emulator, values.keep);
  }
}

async function main(): Promise<0 | 1 | 2> {
  const root = join(import.meta.dirname, '..', '..');
  try {
    const { values, positionals } = readArguments(process.argv.slice(2));
    if (positionals.length > 1)
      throw new UsageError(`One workflow at a time, not ${positionals.join(' and ')}.`);
    if (values.help) {
      console.log(usage);
      return 0;
    }
    return values.stop
      ? await stopKept(root)
      : await run(root, values, positionals[0] ?? 'examples/deploy.yml');
  } catch (error) {
    if (error instanceof UsageError) console.error(`${error.message}\n\n${usage}`);
    else if (error instanceof WorkflowError || error instanceof EmulatorError) console.error(error.message);
    else throw error;
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main();

import { readFileSync } from 'node:fs';
import { AzShell, findAzProblem } from '../az-cli.ts';
import { BenchEmulator } from '../bench-emulator.ts';
import type { Figure } from '../figures.ts';
import { interleavedMedians } from '../interleave.ts';
import { type BenchContext, BenchJob, typicalInputs } from '../step.ts';

const ROUNDS = 2;
/** Milliseconds from the acceptance of a rule until it works. */
const RULE_DELAY_MS = 3000;
/** The target: times faster than the script. */
const TARGET = 5;

const script = readFileSync(new URL('../az-script.sh', import.meta.url), 'utf8');

const { 'app-username': _, 'app-password-key': __, ...inputs } = typicalInputs;

/**
 * The same job by the action and by a script with the az CLI: sign in with a client secret, find server and database, open the
 * firewall for the runner, publish the connection. Nothing but the rule has to be created.
 * @param retryAfterScale factor on the Retry-After that Azure sends; 1 is Azure's
 */
async function measureBoth(
  context: BenchContext,
  retryAfterScale: number,
  rounds: number,
): Promise<{ readonly action: number; readonly script: number }> {
  const emulator = await BenchEmulator.start({
    retryAfterScale,
    firewallDelayMs: RULE_DELAY_MS,
    postgresTemplateDirectory: await context.templates(),
  });
  try {
    const { ACTIONS_ID_TOKEN_REQUEST_URL: _url, ...env } = emulator.env;
    const actionInputs = { ...inputs, 'client-secret': emulator.readyLine.clientSecret };
    const runAction = async (): Promise<number> => {
      await emulator.moveRunner();
      return (await new BenchJob(context, env).main(actionInputs)).milliseconds;
    };
    await runAction();
    const shell = await AzShell.open(emulator, context.directory, {
      CLIENT_SECRET: emulator.readyLine.clientSecret,
      ADMIN_USER: inputs['admin-username'],
      ADMIN_PASSWORD: inputs['admin-password'],
    });
    const runScript = async (): Promise<number> => {
      await emulator.moveRunner();
      return await shell.run(script);
    };
    return await interleavedMedians(rounds, { action: runAction, script: runScript });
  } finally {
    await emulator.close();
  }
}

/** The action against a script of the az CLI; without figures where the CLI is not installed. */
export async function measureAzScript(context: BenchContext): Promise<readonly Figure[]> {
  const problem = findAzProblem();
  if (problem !== undefined) {
    console.error(`az-script is skipped: ${problem}`);
    return [];
  }
  const asAzure = await measureBoth(context, 1, 1);
  const prompt = await measureBoth(context, 0, ROUNDS);
  const toFigure = (what: string, { action, script }: typeof asAzure): Figure => ({
    row: 'az-script',
    what,
    measured: action / 1000,
    unit: 's',
    against: 'script of the az CLI',
    baseline: script / 1000,
    comparison: 'times faster',
  });
  return [
    {
      ...toFigure('sign in, open the firewall, publish the connection', asAzure),
      target: TARGET,
      chartLabel: 'Existing server, firewall closed',
    },
    toFigure('the same, if Azure named one second as Retry-After', prompt),
  ];
}

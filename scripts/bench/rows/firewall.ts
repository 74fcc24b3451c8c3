import type { Inputs } from '../../../workflow-runner/bundle-step.ts';
import { BenchEmulator } from '../bench-emulator.ts';
import type { Figure } from '../figures.ts';
import { interleavedMedians } from '../interleave.ts';
import { runSdk } from '../sdk-peer.ts';
import { adminLogin, type BenchContext, BenchJob, typicalInputs } from '../step.ts';

const ROUNDS = 5;
/** Milliseconds from the acceptance of a rule until it works. */
const RULE_DELAY_MS = 3000;
/** The target: seconds over that delay. */
const TARGET = 1;

/**
 * Blocked to logged in. Each time starts when the PUT of the rule arrives at Azure, and ends with the first statement on the
 * server, which follows the login. The SDK waits once for its rule, beside the runs of the action, because it asks for the
 * state of the operation only after the 60 seconds of Azure's Retry-After.
 */
export async function measureFirewall(context: BenchContext): Promise<readonly Figure[]> {
  const emulator = await BenchEmulator.start({
    retryAfterScale: 1,
    firewallDelayMs: RULE_DELAY_MS,
    postgresTemplateDirectory: await context.templates(),
  });
  const secondsUntilLogin = async (server: string, startedAt: number): Promise<number> => {
    const put = await emulator.firstPut(`/${server}/firewallRules/`, startedAt);
    return (Date.parse(await emulator.firstStatementAt(server, put)) - put) / 1000;
  };
  const measureAction = async (declare: (address: string) => Inputs): Promise<number> => {
    const inputs = { ...typicalInputs, ...declare(await emulator.moveRunner()) };
    const startedAt = Date.now();
    await new BenchJob(context, emulator.env).main(inputs);
    return await secondsUntilLogin('bench', startedAt);
  };
  const measureSdk = async (): Promise<number> => {
    const startedAt = Date.now();
    await runSdk(emulator, { create: 'rule', server: 'sdk', login: adminLogin('sdk') });
    return await secondsUntilLogin('sdk', startedAt);
  };
  try {
    await Promise.all(
      ['bench', 'sdk'].map((server) =>
        new BenchJob(context, emulator.env).main({ ...typicalInputs, 'server-name': server }),
      ),
    );
    await emulator.moveRunner();
    const [sdk, medians] = await Promise.all([
      measureSdk(),
      interleavedMedians(ROUNDS, {
        temporary: () => measureAction(() => ({})),
        declared: () =>
          measureAction((address) => ({
            'allowed-ip-ranges': `runner-${address.replaceAll('.', '-')}=${address}`,
          })),
      }),
    ]);
    const names = {
      temporary: ['own temporary rule', 'Blocked to logged in, own rule'],
      declared: ['declared rule', 'Blocked to logged in, declared rule'],
    } as const;
    return (['temporary', 'declared'] as const).flatMap((kind): Figure[] => {
      const [name, chartLabel] = names[kind];
      const common = { row: 'firewall', measured: medians[kind], unit: 's' } as const;
      return [
        {
          ...common,
          what: `blocked to logged in, ${name}`,
          against: 'delay of the rule',
          baseline: RULE_DELAY_MS / 1000,
          comparison: 'over',
          target: TARGET,
        },
        {
          ...common,
          what: `blocked to logged in, ${name}`,
          against: 'create-and-wait of the SDK, then a login',
          baseline: sdk,
          comparison: 'times faster',
          chartLabel,
        },
      ];
    });
  } finally {
    await emulator.close();
  }
}

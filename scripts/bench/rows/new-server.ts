import { BenchEmulator } from '../bench-emulator.ts';
import type { Figure } from '../figures.ts';
import { median } from '../interleave.ts';
import { runSdk } from '../sdk-peer.ts';
import { adminLogin, type BenchContext, BenchJob, typicalInputs } from '../step.ts';

const ROUNDS = 3;
/** Milliseconds that Azure needs for a server here; in reality minutes. */
const PROVISION_MS = 20_000;
/** The target: seconds over that time. */
const TARGET = 2;

/**
 * From the arrival of the server's PUT at Azure to the end of the step, which follows the publication of `DB_*`: with the
 * rule for the runner, the database and the role. The SDK only creates a server, once, beside the runs of the action,
 * because it asks for the state of the operation only after the 60 seconds of Azure's Retry-After.
 */
export async function measureNewServer(context: BenchContext): Promise<readonly Figure[]> {
  const emulator = await BenchEmulator.start({
    retryAfterScale: 1,
    provisionMs: PROVISION_MS,
    postgresTemplateDirectory: await context.templates(),
  });
  const secondsSincePut = async (server: string, end: number): Promise<number> =>
    (end - (await emulator.firstPut(`/flexibleServers/${server}?`))) / 1000;
  const measureAction = async (server: string): Promise<number> => {
    const job = new BenchJob(context, emulator.env);
    const { exportedEnv } = await job.main({ ...typicalInputs, 'server-name': server });
    const end = Date.now();
    if (exportedEnv['DB_HOST'] === undefined) throw new Error('The step has published no DB_HOST.');
    return await secondsSincePut(server, end);
  };
  const measureInTurn = async (): Promise<number[]> => {
    const seconds: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) seconds.push(await measureAction(`bench-${round}`));
    return seconds;
  };
  const measureSdk = async (): Promise<number> => {
    await runSdk(emulator, { create: 'server', server: 'sdk', login: adminLogin('sdk') });
    return await secondsSincePut('sdk', Date.now());
  };
  try {
    const [sdk, seconds] = await Promise.all([measureSdk(), measureInTurn()]);
    const common = { row: 'new-server', measured: median(seconds), unit: 's' } as const;
    return [
      {
        ...common,
        what: 'new server, accepted to `DB_*` published',
        against: 'provisioning of the server',
        baseline: PROVISION_MS / 1000,
        comparison: 'over',
        target: TARGET,
      },
      {
        ...common,
        what: 'new server, accepted to `DB_*` published',
        against: 'create-and-wait of the SDK, the server alone',
        baseline: sdk,
        comparison: 'times faster',
        chartLabel: 'New server to DB_*',
      },
    ];
  } finally {
    await emulator.close();
  }
}

import { beforeAll, describe, expect, it } from 'vitest';
import { codeOf, control } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';

const bench = useEmulator();

beforeAll(async () => {
  await bench.arm.makeServer('moody');
  const rule = { properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.1' } };
  await bench.arm.complete('PUT', bench.arm.server('moody', '/firewallRules/office'), rule);
});

async function setState(state: string): Promise<void> {
  const answer = await control(bench.emulator, 'PATCH', 'state', { server: 'moody', properties: { state } });
  expect(answer.status).toBe(200);
}

async function outcome(rest: string): Promise<unknown> {
  const answer = await bench.arm.send('GET', bench.arm.server('moody', rest));
  return answer.status === 200 ? 200 : [answer.status, codeOf(answer)];
}

const running = () => bench.postgres.made.get('moody')?.running;

const stopped = [400, 'ServerStoppedError'];
const internal = [500, 'InternalServerError'];

describe('a server that control puts into a state (facts.md §3)', () => {
  it.each<[string, unknown, boolean]>([
    ['Provisioning', internal, false],
    ['Starting', internal, false],
    ['Stopped', stopped, false],
    ['Inaccessible', internal, false],
    ['Disabled', internal, false],
    ['Dropping', internal, true],
    ['Stopping', internal, true],
    ['Restarting', internal, true],
    ['Updating', 200, true],
    ['Ready', 200, true],
  ])(
    '%s: shows it, answers for itself and its rules, and else as the state has it',
    async (state, children, runs) => {
      await setState(state);
      try {
        expect(await bench.arm.state('moody')).toBe(state);
        expect(await outcome('/firewallRules')).toBe(200);
        expect(await outcome('/firewallRules/office')).toBe(200);
        expect(running()).toBe(runs);
        for (const rest of [
          '/configurations',
          '/configurations/work_mem',
          '/databases',
          '/databases/postgres',
        ]) {
          expect([rest, await outcome(rest)]).toEqual([rest, children]);
        }
      } finally {
        await setState('Ready');
      }
      expect([await bench.arm.state('moody'), running()]).toEqual(['Ready', true]);
      expect(await outcome('/databases/postgres')).toBe(200);
    },
  );

  it.each<[string, unknown]>([
    ['Provisioning', internal],
    ['Stopped', stopped],
  ])('%s: refuses to write a configuration and a database, and a rule with 500', async (state, refusal) => {
    await setState(state);
    try {
      const put = async (rest: string, properties: object): Promise<unknown> => {
        const answer = await bench.arm.send('PUT', bench.arm.server('moody', rest), { properties });
        return [answer.status, codeOf(answer)];
      };
      const range = { startIpAddress: '203.0.113.2', endIpAddress: '203.0.113.2' };
      expect(await put('/configurations/work_mem', { value: '8192' })).toEqual(refusal);
      expect(await put('/databases/stars', {})).toEqual(refusal);
      expect(await put('/firewallRules/home', range)).toEqual(internal);
    } finally {
      await setState('Ready');
    }
  });

  it('that Azure does not have is refused, and changes nothing', async () => {
    const properties = { state: 'Sleepy', backup: { backupRetentionDays: 30 } };
    const answer = await control(bench.emulator, 'PATCH', 'state', { server: 'moody', properties });
    expect(answer.status).toBe(400);
    const { text } = await bench.arm.send('GET', bench.arm.server('moody'));
    expect(text).toContain('"backupRetentionDays":7');
  });
});

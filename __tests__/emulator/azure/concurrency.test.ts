import { describe, expect, it } from 'vitest';
import { tutorial } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { at } from '../../helpers/emulator/http-client.ts';

// Operations long enough for all of a batch to be sent while the first is under way, also on a busy machine.
const bench = useEmulator({ provision: 5000, firewallDelay: 2500, throttling: 0 });

function rule(address: string): object {
  return { properties: { startIpAddress: address, endIpAddress: address } };
}

describe('several clients at once', () => {
  it('make one server of twenty creations: the others are accepted and fail with ServerIsBusy', async () => {
    const { arm } = bench;
    const group = `${arm.subscription}/resourceGroups/rg?api-version=2025-04-01`;
    await arm.send('PUT', group, { location: 'westeurope' });
    const accepted = await Promise.all(
      Array.from({ length: 20 }, () => arm.send('PUT', arm.server('shared'), tutorial)),
    );
    expect(accepted.map(({ status }) => status)).toEqual(Array(20).fill(202));
    const ends = await Promise.all(accepted.map((answer) => arm.finish(answer)));
    const codes = ends.map((end) => at(end.json, 'error', 'code') ?? end.json['status']);
    expect(codes.filter((code) => code === 'Succeeded')).toHaveLength(1);
    expect(codes.filter((code) => code === 'ServerIsBusy')).toHaveLength(19);
    expect(at(ends.find(({ json }) => json['error'])?.json, 'error', 'message')).toBe(
      "Cannot complete operation while server 'shared' is busy processing another operation. Try again later.",
    );
  });

  it('write two configurations: one is set, the other fails with ServerIsBusy (facts.md §3)', async () => {
    const { arm } = bench;
    const path = (name: string) => arm.server('shared', `/configurations/${name}`);
    const body = { properties: { value: '77', source: 'user-override' } };
    const both = await Promise.all(
      ['work_mem', 'max_connections'].map((name) => arm.send('PUT', path(name), body)),
    );
    expect(both.map(({ status }) => status)).toEqual([202, 202]);
    const ends = await Promise.all(both.map((accepted) => arm.finish(accepted)));
    expect(ends.map(({ json }) => json['status']).sort()).toEqual(['Failed', 'Succeeded']);
  });

  it('write firewall rules, which show the server as Updating and do not shut each other out (facts.md §3)', async () => {
    const { arm } = bench;
    await arm.makeServer('shared');
    const names = ['one', 'two', 'three'];
    const accepted = await Promise.all(
      names.map((name) =>
        arm.send('PUT', arm.server('shared', `/firewallRules/${name}`), rule('203.0.113.1')),
      ),
    );
    expect(accepted.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(await arm.state('shared')).toBe('Updating');
    await Promise.all(accepted.map((answer) => arm.finish(answer)));
    expect(await arm.state('shared')).toBe('Ready');
    expect([...(bench.postgres.made.get('shared')?.rules.keys() ?? [])].sort()).toEqual([...names].sort());
  });
});

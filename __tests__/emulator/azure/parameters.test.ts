import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../emulator/json.ts';
import { control, tutorial } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { type Answer, at, until } from '../../helpers/emulator/http-client.ts';

// What is said of a server by ARM or control, and what its PostgreSQL does: the real one.
const bench = useEmulator({ blocked: 'reject', firewallDelay: 0 }, 'real');
const own = { runner: { startIpAddress: '198.51.100.7' } };
let host = '';

beforeAll(async () => {
  await bench.arm.makeServer('tuned', {
    properties: {
      ...tutorial.properties,
      cluster: { clusterSize: 2, defaultDatabaseName: 'stars' },
    },
  });
  const { json } = await bench.arm.send('GET', bench.arm.server('tuned'));
  host = String(at(json, 'properties', 'fullyQualifiedDomainName'));
  await tell({ rules: own });
});

function tell(change: JsonObject): Promise<Answer> {
  return control(bench.emulator, 'PATCH', 'state', { server: 'tuned', ...change });
}

/** Log in over verified TLS and run one statement: its one value. */
async function value(text: string, database = 'postgres', password?: string): Promise<unknown> {
  const client = new pg.Client({
    host,
    database,
    user: tutorial.properties.administratorLogin,
    password: password ?? tutorial.properties.administratorLoginPassword,
    ssl: { ca: bench.emulator.caCertificate },
  });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query({ text, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

async function configuration(name: string): Promise<unknown> {
  const { json } = await bench.arm.send('GET', bench.arm.server('tuned', `/configurations/${name}`));
  return json['properties'];
}

describe('PATCH control/state with parameters', () => {
  it('sets them in PostgreSQL and so in ARM, and resets them by null', async () => {
    const before = await configuration('work_mem');
    expect((await tell({ parameters: { work_mem: '8MB', 'azure.extensions': 'citext' } })).status).toBe(200);
    expect(await value('SHOW work_mem')).toBe('8MB');
    expect(await configuration('work_mem')).toMatchObject({ value: '8192', source: 'user-override' });
    expect(await configuration('azure.extensions')).toMatchObject({ value: 'citext' });
    await tell({ parameters: { work_mem: null, 'azure.extensions': null } });
    expect(await configuration('work_mem')).toEqual(before);
    expect(await configuration('azure.extensions')).toMatchObject({ value: '', source: 'system-default' });
  });

  it('refuses what PostgreSQL does', async () => {
    const { status, json } = await tell({ parameters: { work_mem: 'much' } });
    expect([status, String(json['error'])]).toEqual([400, expect.stringContaining('work_mem')]);
    expect((await tell({ parameters: { port: '5433' } })).status).toBe(400);
  });
});

it('every configuration is on exactly one page of the list', async () => {
  const names: unknown[] = [];
  let pages = 0;
  for (let url: string | undefined = bench.arm.server('tuned', '/configurations'); url !== undefined; ) {
    const { json }: Answer = await bench.arm.send('GET', url);
    const { value: entries, nextLink } = json;
    if (!Array.isArray(entries)) throw new Error('No list.');
    names.push(...entries.map((entry) => at(entry, 'name')));
    url = typeof nextLink === 'string' ? nextLink : undefined;
    pages += 1;
  }
  expect(pages).toBe(Math.ceil(names.length / 100));
  expect(new Set(names).size).toBe(names.length);
  const { json } = await control(bench.emulator, 'GET', 'state');
  expect(names.sort()).toEqual(Object.keys(at(json, 'servers', 'tuned', 'parameters') as object).sort());
});

it('an elastic cluster’s database is there from the start, of one PostgreSQL', async () => {
  expect(await value('SELECT current_database()', 'stars')).toBe('stars');
  const { json } = await bench.arm.send('GET', bench.arm.server('tuned', '/databases/stars'));
  expect(json['properties']).toEqual({ charset: 'UTF8', collation: 'en_US.utf8' });
});

it('two thousand rules of control admit whom one of them names', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 2000 }, (_, n) => [`other-${n}`, { startIpAddress: `10.0.${n >> 8}.${n & 255}` }]),
  );
  await tell({ rules: { ...many, runner: null } });
  await expect(value('SELECT 1')).rejects.toThrow(/no pg_hba.conf entry/);
  await tell({ rules: own });
  expect(await value('SELECT 1')).toBe(1);
});

it('a server being made takes no logins, and does once control has brought it back', async () => {
  await tell({ properties: { state: 'Provisioning' } });
  await expect(value('SELECT 1')).rejects.toThrow();
  await tell({ properties: { state: 'Ready' } });
  expect(await value('SELECT 1')).toBe(1);
});

it('password authentication switched off shuts the administrator out until it is on again', async () => {
  const patch = (properties: object) =>
    bench.arm.complete('PATCH', bench.arm.server('tuned'), { properties });
  await patch({ authConfig: { activeDirectoryAuth: 'Enabled', passwordAuth: 'Disabled' } });
  await expect(value('SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  const administratorLoginPassword = 'AnotherPassword!2';
  await patch({ authConfig: { passwordAuth: 'Enabled' }, administratorLoginPassword });
  await until(
    () => value('SELECT 1', 'postgres', administratorLoginPassword),
    (one) => one === 1,
  );
});

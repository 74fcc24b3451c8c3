import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { control, tutorial } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { at, until } from '../../helpers/emulator/http-client.ts';

// What ARM says and what PostgreSQL does, together: the real one behind its gate.
const bench = useEmulator({ blocked: 'reject', firewallDelay: 300 }, 'real');
let host = '';

beforeAll(async () => {
  await bench.arm.makeServer('demo-relecloud');
  const { json } = await bench.arm.send('GET', bench.arm.server('demo-relecloud'));
  host = String(at(json, 'properties', 'fullyQualifiedDomainName'));
});

const path = (rest = '') => bench.arm.server('demo-relecloud', rest);
const own = { properties: { startIpAddress: '198.51.100.7', endIpAddress: '198.51.100.7' } };

/** Log in over verified TLS and run one statement. */
async function query(text: string, database = 'postgres'): Promise<unknown[]> {
  const client = new pg.Client({
    host,
    database,
    user: tutorial.properties.administratorLogin,
    password: tutorial.properties.administratorLoginPassword,
    ssl: { ca: bench.emulator.caCertificate },
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function isAdmitted(): Promise<boolean> {
  return query('SELECT 1').then(
    () => true,
    () => false,
  );
}

describe('the gate goes by what ARM has accepted', () => {
  it('shuts out, admits no sooner than --firewall-delay after the acceptance, and shuts out again', async () => {
    expect(await isAdmitted()).toBe(false);
    const start = performance.now();
    await bench.arm.complete('PUT', path('/firewallRules/runner'), own);
    expect((await bench.arm.send('GET', path('/firewallRules/runner'))).status).toBe(200);
    await until(isAdmitted, (admitted) => admitted);
    expect(performance.now() - start).toBeGreaterThanOrEqual(295);
    await bench.arm.complete('DELETE', path('/firewallRules/runner'));
    await until(isAdmitted, (admitted) => !admitted);
  });

  it('knows the client by the address that control gave it', async () => {
    await bench.arm.complete('PUT', path('/firewallRules/runner'), own);
    await until(isAdmitted, (admitted) => admitted);
    await control(bench.emulator, 'PUT', 'client', { ip: '203.0.113.9' });
    expect(await isAdmitted()).toBe(false);
    await control(bench.emulator, 'PUT', 'client', { ip: '198.51.100.7' });
    expect(await isAdmitted()).toBe(true);
  });
});

describe('databases are one thing in ARM and in SQL', () => {
  it('made by ARM can be used by SQL; made by SQL shows in ARM, after the service’s own', async () => {
    await bench.arm.complete('PUT', path('/databases/by-arm'), { properties: { charset: 'utf8' } });
    await query('CREATE DATABASE by_sql');
    expect(await query('SELECT current_database()', 'by-arm')).toEqual([{ current_database: 'by-arm' }]);
    const { json } = await bench.arm.send('GET', path('/databases'));
    const names = (Array.isArray(json['value']) ? json['value'] : []).map((entry) => at(entry, 'name'));
    expect(names.slice(0, 3)).toEqual(['azure_maintenance', 'postgres', 'azure_sys']);
    expect(names.slice(3).sort()).toEqual(['by-arm', 'by_sql']);
    await bench.arm.complete('DELETE', path('/databases/by_sql'));
    expect((await bench.arm.send('GET', path('/databases/by_sql'))).status).toBe(404);
  });

  it('that exist already stay as they are when they are PUT again', async () => {
    await query('CREATE TABLE kept (id int)', 'by-arm');
    const end = await bench.arm.complete('PUT', path('/databases/by-arm'), { properties: {} });
    expect(end.json['status']).toBe('Succeeded');
    expect(await query('SELECT count(*)::int AS n FROM kept', 'by-arm')).toEqual([{ n: 0 }]);
  });
});

describe('a session of the service itself, by control', () => {
  const drop = () => query('DROP DATABASE visited WITH (FORCE)');
  const open = (server: string, database: string) =>
    control(bench.emulator, 'POST', 'sessions', { server, database });

  it('is in the way of the administrator until it is ended', async () => {
    await query('CREATE DATABASE visited');
    expect((await open('demo-relecloud', 'visited')).status).toBe(200);
    await expect(drop()).rejects.toMatchObject({ code: '42501' });
    await expect(query('CREATE DATABASE clone TEMPLATE visited')).rejects.toMatchObject({ code: '55006' });
    expect((await control(bench.emulator, 'DELETE', 'sessions')).status).toBe(200);
    await drop();
  });

  it('is not in the way of ARM', async () => {
    await query('CREATE DATABASE visited');
    await open('demo-relecloud', 'visited');
    const end = await bench.arm.complete('DELETE', path('/databases/visited'));
    expect(end.json['status']).toBe('Succeeded');
    expect((await control(bench.emulator, 'DELETE', 'sessions')).status).toBe(200);
  });

  it('is refused where there is no such server or database', async () => {
    expect((await open('nobody', 'postgres')).status).toBe(400);
    const { status, text } = await open('demo-relecloud', 'nowhere');
    expect([status, text]).toEqual([400, expect.stringContaining('database \\"nowhere\\" does not exist')]);
  });
});

describe('the allow-list of extensions', () => {
  const list = () => path('/configurations/azure.extensions');
  const put = (value: string) =>
    bench.arm.send('PUT', list(), { properties: { value, source: 'user-override' } });

  it('is a set of what the server offers, and takes nothing else', async () => {
    const { json } = await bench.arm.send('GET', list());
    expect(json['properties']).toMatchObject({ dataType: 'Set', value: '', source: 'system-default' });
    expect(String(at(json, 'properties', 'allowedValues')).split(',')).toContain('pg_trgm');
    for (const value of ['pg_trgm,no_such', 'vector', 'azure']) expect((await put(value)).status).toBe(400);
  });

  it('lets the administrator create what ARM was told, in ARM’s databases too', async () => {
    const sql = 'CREATE EXTENSION IF NOT EXISTS pg_trgm';
    await expect(query(sql, 'by-arm')).rejects.toMatchObject({ code: '0A000' });
    await bench.arm.complete('PUT', list(), {
      properties: { value: 'PG_TRGM, hstore', source: 'user-override' },
    });
    expect(await query('SHOW azure.extensions')).toEqual([{ 'azure.extensions': 'PG_TRGM, hstore' }]);
    await query(sql, 'by-arm');
    await bench.arm.complete('PUT', list(), { properties: { source: 'system-default' } });
    await expect(query('CREATE EXTENSION hstore', 'by-arm')).rejects.toMatchObject({ code: '0A000' });
  });
});

describe('what control tells of a database', () => {
  it('is what a client put on it, while ARM tells charset and collation alone', async () => {
    await query('CREATE DATABASE adorned CONNECTION LIMIT 3');
    await query(
      `COMMENT ON DATABASE adorned IS 'ours'; REVOKE CONNECT ON DATABASE adorned FROM PUBLIC;
       ALTER DATABASE adorned SET search_path = here`,
    );
    const state = await control(bench.emulator, 'GET', 'state');
    expect(at(state.json, 'servers', 'demo-relecloud', 'databases', 'adorned')).toEqual({
      owner: 'relecloud_admin',
      charset: 'UTF8',
      collation: 'en_US.utf8',
      comment: 'ours',
      acl: ['=T/relecloud_admin', 'relecloud_admin=CTc/relecloud_admin'],
      settings: ['search_path=here'],
      connectionLimit: 3,
    });
    const { json } = await bench.arm.send('GET', path('/databases/adorned'));
    expect(json['properties']).toEqual({ charset: 'UTF8', collation: 'en_US.utf8' });
    await query('DROP DATABASE adorned');
  });
});

describe('the rest of the data plane', () => {
  it('has the parameters that ARM sets', async () => {
    const body = { properties: { value: '8192', source: 'user-override' } };
    await bench.arm.complete('PUT', path('/configurations/work_mem'), body);
    expect(await query('SHOW work_mem')).toEqual([{ work_mem: '8MB' }]);
  });

  it('tells control which statements ran for clients, until it is to forget them', async () => {
    await control(bench.emulator, 'DELETE', 'statements');
    await query("SELECT 'marked' AS it");
    const { text } = await control(bench.emulator, 'GET', 'statements');
    expect(JSON.parse(text)).toMatchObject([
      { server: 'demo-relecloud', database: 'postgres', user: 'relecloud_admin' },
    ]);
    expect(text).toContain('marked');
  });

  it('is shut while the server is stopped, and knows a new password when it is back', async () => {
    await bench.arm.complete('POST', path('/stop'));
    expect(await isAdmitted()).toBe(false);
    await bench.arm.complete('POST', path('/start'));
    expect(await isAdmitted()).toBe(true);
    const properties = { administratorLoginPassword: 'AnotherPassword!2' };
    await bench.arm.complete('PATCH', path(), { properties });
    await expect(query('SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('is gone with its server; what it executed stays known', async () => {
    await bench.arm.complete('DELETE', path());
    expect(await isAdmitted()).toBe(false);
    expect((await control(bench.emulator, 'GET', 'statements')).text).toContain('marked');
    await control(bench.emulator, 'DELETE', 'statements');
    expect((await control(bench.emulator, 'GET', 'statements')).text).toBe('[]');
  });
});

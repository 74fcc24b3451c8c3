import { describe, expect } from 'vitest';
import type { Emulator } from '../../../emulator/emulator.ts';
import { addFault, sendControl } from '../../helpers/emulator/arm-client.ts';
import { testWith } from '../../helpers/emulator/azure-fixture.ts';
import { pollUntilAccepted, valueAt } from '../../helpers/emulator/http-client.ts';
import { RealServer } from '../../helpers/emulator/real-server.ts';
import { utf8Database } from '../../helpers/emulator/recorded-responses.ts';

// ARM together with the real PostgreSQL and its firewall.
const test = testWith({ blockedBehavior: 'reject', firewallDelayMs: 300 }, 'real').extend(
  'server',
  { scope: 'file' },
  async ({ arm }) => {
    await arm.createServer('demo-relecloud');
    return RealServer.find(arm, 'demo-relecloud');
  },
);

const runnerRule = { properties: { startIpAddress: '198.51.100.7', endIpAddress: '198.51.100.7' } };

describe('the firewall applies the rules that ARM accepts', () => {
  test('blocks a client, permits it not before --firewall-delay after the acceptance, and blocks it again', async ({
    arm,
    server,
  }) => {
    expect(await server.canLogIn()).toBe(false);
    const start = performance.now();
    await arm.sendAndWait('PUT', server.resourcePath('/firewallRules/runner'), runnerRule);
    expect((await arm.send('GET', server.resourcePath('/firewallRules/runner'))).status).toBe(200);
    await pollUntilAccepted(
      () => server.canLogIn(),
      (admitted) => admitted,
    );
    expect(performance.now() - start).toBeGreaterThanOrEqual(295);
    await arm.sendAndWait('DELETE', server.resourcePath('/firewallRules/runner'));
    await pollUntilAccepted(
      () => server.canLogIn(),
      (admitted) => !admitted,
    );
  });

  test('identifies the client by the address that control sets', async ({ arm, emulator, server }) => {
    await arm.sendAndWait('PUT', server.resourcePath('/firewallRules/runner'), runnerRule);
    await pollUntilAccepted(
      () => server.canLogIn(),
      (admitted) => admitted,
    );
    await sendControl(emulator, 'PUT', 'client', { ip: '203.0.113.9' });
    expect(await server.canLogIn()).toBe(false);
    await sendControl(emulator, 'PUT', 'client', { ip: '198.51.100.7' });
    expect(await server.canLogIn()).toBe(true);
  });
});

describe('databases are the same in ARM and in SQL', () => {
  test('SQL uses a database created through ARM, and ARM lists one created with SQL after those of the service', async ({
    arm,
    server,
  }) => {
    await arm.sendAndWait('PUT', server.resourcePath('/databases/by-arm'), {
      properties: { charset: 'utf8' },
    });
    const created = (await arm.send('GET', server.resourcePath('/databases/by-arm'))).json['properties'];
    expect(Object.entries(created as object)).toEqual(Object.entries(utf8Database));
    await server.query('CREATE DATABASE by_sql');
    expect(await server.query('SELECT current_database()', 'by-arm')).toEqual([
      { current_database: 'by-arm' },
    ]);
    const { json } = await arm.send('GET', server.resourcePath('/databases'));
    const names = (Array.isArray(json['value']) ? json['value'] : []).map((entry) => valueAt(entry, 'name'));
    expect(names.slice(0, 3)).toEqual(['azure_maintenance', 'postgres', 'azure_sys']);
    expect(names.slice(3).sort()).toEqual(['by-arm', 'by_sql']);
    await arm.sendAndWait('DELETE', server.resourcePath('/databases/by_sql'));
    expect((await arm.send('GET', server.resourcePath('/databases/by_sql'))).status).toBe(404);
  });

  test('a PUT of an existing database changes nothing', async ({ arm, server }) => {
    await server.query('CREATE TABLE kept (id int)', 'by-arm');
    const end = await arm.sendAndWait('PUT', server.resourcePath('/databases/by-arm'), { properties: {} });
    expect(end.json['status']).toBe('Succeeded');
    expect(await server.query('SELECT count(*)::int AS n FROM kept', 'by-arm')).toEqual([{ n: 0 }]);
  });
});

describe('a session of the service, opened by control', () => {
  const drop = (server: RealServer) => server.query('DROP DATABASE visited WITH (FORCE)');
  const open = (emulator: Emulator, server: string, database: string) =>
    sendControl(emulator, 'POST', 'sessions', { server, database });

  test('blocks the administrator until it is ended', async ({ emulator, server }) => {
    await server.query('CREATE DATABASE visited');
    expect((await open(emulator, 'demo-relecloud', 'visited')).status).toBe(200);
    await expect(drop(server)).rejects.toMatchObject({ code: '42501' });
    await expect(server.query('CREATE DATABASE clone TEMPLATE visited')).rejects.toMatchObject({
      code: '55006',
    });
    expect((await sendControl(emulator, 'DELETE', 'sessions')).status).toBe(200);
    await drop(server);
  });

  test('does not block ARM', async ({ arm, emulator, server }) => {
    await server.query('CREATE DATABASE visited');
    await open(emulator, 'demo-relecloud', 'visited');
    const end = await arm.sendAndWait('DELETE', server.resourcePath('/databases/visited'));
    expect(end.json['status']).toBe('Succeeded');
    expect((await sendControl(emulator, 'DELETE', 'sessions')).status).toBe(200);
  });

  test('is refused if the server or the database does not exist', async ({ emulator }) => {
    expect((await open(emulator, 'nobody', 'postgres')).status).toBe(400);
    const { status, text } = await open(emulator, 'demo-relecloud', 'nowhere');
    expect([status, text]).toEqual([400, expect.stringContaining('database \\"nowhere\\" does not exist')]);
  });
});

describe('the allow-list of extensions', () => {
  const list = '/configurations/azure.extensions';

  test('is a set of the available extensions, and refuses others', async ({ arm, server }) => {
    const { json } = await arm.send('GET', server.resourcePath(list));
    expect(json['properties']).toMatchObject({ dataType: 'Set', value: '', source: 'system-default' });
    expect(String(valueAt(json, 'properties', 'allowedValues')).split(',')).toContain('pg_trgm');
    for (const value of ['pg_trgm,no_such', 'vector', 'azure']) {
      const properties = { value, source: 'user-override' };
      expect((await arm.send('PUT', server.resourcePath(list), { properties })).status).toBe(400);
    }
  });

  test('permits the administrator to create the extensions that ARM has set, also in databases created through ARM', async ({
    arm,
    server,
  }) => {
    const sql = 'CREATE EXTENSION IF NOT EXISTS pg_trgm';
    await expect(server.query(sql, 'by-arm')).rejects.toMatchObject({ code: '0A000' });
    await arm.sendAndWait('PUT', server.resourcePath(list), {
      properties: { value: 'PG_TRGM, hstore', source: 'user-override' },
    });
    expect(await server.query('SHOW azure.extensions')).toEqual([{ 'azure.extensions': 'PG_TRGM, hstore' }]);
    await server.query(sql, 'by-arm');
    await arm.sendAndWait('PUT', server.resourcePath(list), { properties: { source: 'system-default' } });
    await expect(server.query('CREATE EXTENSION hstore', 'by-arm')).rejects.toMatchObject({ code: '0A000' });
  });
});

describe('control/state of a database', () => {
  test('shows what a client has set, while ARM shows only charset and collation', async ({
    arm,
    emulator,
    server,
  }) => {
    await server.query('CREATE DATABASE with_settings CONNECTION LIMIT 3');
    await server.query(
      `COMMENT ON DATABASE with_settings IS 'ours'; REVOKE CONNECT ON DATABASE with_settings FROM PUBLIC;
       ALTER DATABASE with_settings SET search_path = here`,
    );
    const state = await sendControl(emulator, 'GET', 'state');
    expect(valueAt(state.json, 'servers', 'demo-relecloud', 'databases', 'with_settings')).toEqual({
      owner: 'relecloud_admin',
      charset: 'UTF8',
      collation: 'en_US.utf8',
      comment: 'ours',
      acl: ['=T/relecloud_admin', 'relecloud_admin=CTc/relecloud_admin'],
      settings: ['search_path=here'],
      connectionLimit: 3,
    });
    const { json } = await arm.send('GET', server.resourcePath('/databases/with_settings'));
    expect(json['properties']).toEqual({ charset: 'UTF8', collation: 'en_US.utf8' });
    await server.query('DROP DATABASE with_settings');
  });
});

describe('a statement of a client', () => {
  const rows = (server: RealServer) => server.query('SELECT n FROM held ORDER BY n');
  const insertion = (n: number) => ({ service: 'postgres', statement: `^insert into held values .${n}.` });

  test('that is held is executed only after its fault is removed', async ({ emulator, server }) => {
    await server.query('CREATE TABLE held (n int)');
    const fault = await addFault(emulator, insertion(1), 'hold');
    const client = await server.connect();
    let answered = false;
    const answer = client.query('INSERT INTO held VALUES (1)').finally(() => {
      answered = true;
    });
    expect((await fault.triggered()).status).toBe(200);
    // Other statements are not held.
    expect([await rows(server), answered]).toEqual([[], false]);
    await fault.remove();
    expect((await answer).rowCount).toBe(1);
    await client.end();
    expect(await rows(server)).toEqual([{ n: 1 }]);
  });

  test('with a held answer has been executed, and its client gets the answer later', async ({
    emulator,
    server,
  }) => {
    const fault = await addFault(emulator, insertion(2), 'holdAnswer');
    const client = await server.connect();
    let answered = false;
    const answer = client.query('INSERT INTO held VALUES (2)').finally(() => {
      answered = true;
    });
    await fault.triggered();
    expect([await rows(server), answered]).toEqual([[{ n: 1 }, { n: 2 }], false]);
    await fault.remove();
    expect((await answer).rowCount).toBe(1);
    await client.end();
  });

  test.for(['hold', 'holdAnswer'])(
    'with parameters can be held too: %s',
    async (effect, { emulator, server }) => {
      const text = 'INSERT INTO held VALUES ($1)';
      const statement = '^insert into held values .\\$1.';
      const fault = await addFault(emulator, { service: 'postgres', statement }, effect, { skip: 1 });
      const client = await server.connect();
      await client.query(text, [3]);
      const answer = client.query(text, [4]);
      await fault.triggered();
      const before = effect === 'hold' ? [{ n: 3 }] : [{ n: 3 }, { n: 4 }];
      expect(await server.query('SELECT n FROM held WHERE n > 2 ORDER BY n')).toEqual(before);
      await fault.remove();
      expect((await answer).rowCount).toBe(1);
      await client.end();
      await server.query('DELETE FROM held WHERE n > 2');
    },
  );

  // PostgreSQL executes the statement although its client has disconnected, as it does with every sent statement.
  test.for([
    ['hold', 5],
    ['holdAnswer', 6],
  ] as const)(
    'that is held (%s) leaves no session if its client has disconnected',
    async ([effect, n], { emulator, server }) => {
      const fault = await addFault(emulator, insertion(n), effect);
      const client = await server.connect();
      const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0];
      const answer = client.query(`INSERT INTO held VALUES (${n})`);
      await fault.triggered();
      client.connection.stream.destroy();
      await expect(answer).rejects.toThrow();
      await fault.remove();
      const session = () => server.query(`SELECT pid FROM pg_stat_activity WHERE pid = ${pid}`);
      await pollUntilAccepted(session, (found) => found.length === 0);
      expect(await server.query(`SELECT n FROM held WHERE n = ${n}`)).toEqual([{ n }]);
    },
  );

  test('is not affected by a fault without `service: postgres`', async ({ emulator, server }) => {
    const fault = await addFault(emulator, { statement: 'select' }, 'hold');
    expect(await server.canLogIn()).toBe(true);
    await fault.remove();
  });
});

describe('the PostgreSQL of a server', () => {
  test('has the parameters that ARM sets', async ({ arm, server }) => {
    const body = { properties: { value: '8192', source: 'user-override' } };
    await arm.sendAndWait('PUT', server.resourcePath('/configurations/work_mem'), body);
    expect(await server.query('SHOW work_mem')).toEqual([{ work_mem: '8MB' }]);
  });

  test('lists the statements of clients in control, until they are deleted', async ({ emulator, server }) => {
    await sendControl(emulator, 'DELETE', 'statements');
    await server.query("SELECT 'marked' AS it");
    const { text } = await sendControl(emulator, 'GET', 'statements');
    expect(JSON.parse(text)).toMatchObject([
      { server: 'demo-relecloud', database: 'postgres', user: 'relecloud_admin' },
    ]);
    expect(text).toContain('marked');
  });

  test('refuses connections while the server is stopped, and accepts a new password after the start', async ({
    arm,
    server,
  }) => {
    await arm.sendAndWait('POST', server.resourcePath('/stop'));
    expect(await server.canLogIn()).toBe(false);
    await arm.sendAndWait('POST', server.resourcePath('/start'));
    expect(await server.canLogIn()).toBe(true);
    const properties = { administratorLoginPassword: 'AnotherPassword!2' };
    await arm.sendAndWait('PATCH', server.resourcePath(), { properties });
    await expect(server.query('SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  test('ends with the deletion of its server, and its statements stay listed', async ({
    arm,
    emulator,
    server,
  }) => {
    await arm.sendAndWait('DELETE', server.resourcePath());
    expect(await server.canLogIn()).toBe(false);
    expect((await sendControl(emulator, 'GET', 'statements')).text).toContain('marked');
    await sendControl(emulator, 'DELETE', 'statements');
    expect((await sendControl(emulator, 'GET', 'statements')).text).toBe('[]');
  });
});

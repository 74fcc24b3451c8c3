import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseAddress } from '../../../emulator/postgres/address.ts';
import { Firewall } from '../../../emulator/postgres/firewall.ts';
import { Gate } from '../../../emulator/postgres/gate.ts';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import {
  admin,
  answer,
  createFixture,
  dial,
  ended,
  everything,
  type Fixture,
  gssEncryptionRequest,
  only,
  packet,
  runner,
  sslRequest,
  startup,
  temporaryDirectory,
  until,
} from '../../helpers/emulator/postgres-fixture.ts';

let fixture: Fixture;
let server: PostgresServer;

beforeAll(async () => {
  fixture = await createFixture();
  server = await fixture.server();
});
afterAll(() => fixture[Symbol.asyncDispose]());

async function secured(socket: Socket, options = {}): Promise<TLSSocket> {
  const tls = connectTls({ socket, host: server.address, ca: fixture.authority.pem, ...options });
  await once(tls, 'secureConnect');
  return tls;
}

describe('who is let in', () => {
  test('a client that a rule covers logs in over verified TLS at an address of the server’s own', async () => {
    expect(server.address).toMatch(/^127\.(?!0\.0\.)/);
    expect(await fixture.ask(server, 'SELECT current_user AS me')).toEqual([{ me: admin.login }]);
  });

  test('two servers of one emulator listen at different addresses', async () => {
    const other = await fixture.server({ name: 'other' });
    expect(other.address).not.toBe(server.address);
    expect(await fixture.ask(other, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await other.destroy();
  });

  test('a client is known by the source address of its connection, and refused by its public one', async () => {
    fixture.sources.set('127.9.9.9', '198.51.100.7');
    const socket = dial(server, '127.9.9.9');
    socket.write(sslRequest);
    expect(`${await answer(socket)}`).toBe('S');
    const tls = await secured(socket);
    tls.write(startup);
    expect(`${await everything(tls)}`).toContain(
      'no pg_hba.conf entry for host "198.51.100.7", user "u", database "d", SSL',
    );
  });

  test('a blocked client is refused with 28000 and its address, where the gate refuses', async () => {
    server.setRules(only('198.51.100.1'));
    await expect(fixture.login(server)).rejects.toMatchObject({
      code: '28000',
      severity: 'FATAL',
      message: `no pg_hba.conf entry for host "${runner}", user "${admin.login}", database "postgres", SSL`,
    });
    await expect(fixture.login(server, { ssl: false })).rejects.toMatchObject({
      code: '28000',
      message: expect.stringMatching(/database "postgres", no encryption$/),
    });
    server.setRules(only(runner));
  });

  test('the rule 0.0.0.0, which means Azure’s services, admits none of our clients', async () => {
    server.setRules(only('0.0.0.0'));
    await expect(fixture.login(server)).rejects.toMatchObject({ code: '28000' });
    server.setRules(only(runner));
  });

  test('a session outlives its rule, a new one does not begin', async () => {
    const session = await fixture.login(server);
    server.setRules(new Map());
    await expect(fixture.login(server)).rejects.toMatchObject({ code: '28000' });
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await session.end();
    server.setRules(only(runner));
  });

  test('without TLS a client that a rule covers is refused with "no encryption"', async () => {
    await expect(fixture.login(server, { ssl: false })).rejects.toMatchObject({
      code: '28000',
      message: `no pg_hba.conf entry for host "${runner}", user "${admin.login}", database "postgres", no encryption`,
    });
  });

  test('a wrong password is PostgreSQL’s 28P01, and azuresu is nobody’s', async () => {
    await expect(fixture.login(server, { password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
    await expect(fixture.login(server, { user: 'azuresu' })).rejects.toMatchObject({ code: '28P01' });
  });

  test('a missing database is PostgreSQL’s 3D000', async () => {
    await expect(fixture.login(server, { database: 'nowhere' })).rejects.toMatchObject({ code: '3D000' });
  });
});

describe('a gate that swallows', () => {
  test('a blocked client hears nothing, and is let go when the server stops', async () => {
    const silent = await fixture.server({ name: 'silent', blocked: 'timeout' });
    silent.setRules(new Map());
    await expect(fixture.login(silent, { connectionTimeoutMillis: 200 })).rejects.toThrow(/timeout/);
    const socket = dial(silent);
    await once(socket, 'connect');
    socket.write(sslRequest);
    const heard = everything(socket);
    await silent.stop();
    expect((await heard).length).toBe(0);
    await silent.destroy();
  });
});

describe('the ways to begin', () => {
  test('TLS without asking first is taken with ALPN "postgresql", and only so', async () => {
    const tls = await secured(dial(server), { ALPNProtocols: ['postgresql'] });
    tls.write(packet(196608, Buffer.from(`user\0${admin.login}\0\0`)));
    expect(`${(await answer(tls)).subarray(0, 1)}`).toBe('R');
    tls.destroy();
    const nameless = await secured(dial(server));
    nameless.write(startup);
    expect((await everything(nameless)).length).toBe(0);
  });

  test('encryption by GSSAPI is declined, and TLS may follow', async () => {
    const socket = dial(server);
    socket.write(gssEncryptionRequest);
    expect(`${await answer(socket)}`).toBe('N');
    socket.write(sslRequest);
    expect(`${await answer(socket)}`).toBe('S');
    socket.destroy();
  });

  test('what is sent in the clear behind the request for TLS is not taken for part of the session', async () => {
    const socket = dial(server);
    socket.write(Buffer.concat([sslRequest, startup]));
    expect((await everything(socket)).length).toBe(0);
  });

  test('TLS below 1.2 is refused', async () => {
    const socket = dial(server);
    socket.write(sslRequest);
    await answer(socket);
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(secured(socket, old)).rejects.toThrow();
  });

  test('nonsense and broken connections leave the gate standing', async () => {
    const nonsense = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([0x16, 3, 1, 0, 1, 9]),
      packet(1),
      Buffer.from([0]),
    ];
    for (const bytes of nonsense) dial(server).write(bytes, () => {});
    for (const bytes of [sslRequest, sslRequest.subarray(0, 3)]) {
      const socket = dial(server);
      socket.write(bytes, () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    expect(await fixture.ask(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('a client that says nothing', () => {
  test.each(['in the clear', 'over TLS'])('is let go, %s, while an idle session stays', async (how) => {
    await using echo = createServer((socket) => socket.pipe(socket));
    const socketPath = join(await temporaryDirectory(), 'echo');
    await once(echo.listen(socketPath), 'listening');
    const firewall = new Firewall(0);
    firewall.set(only(runner));
    const address = await chooseAddress();
    const gate = new Gate({
      address,
      certificate: await fixture.authority.issue([address]),
      clients: { publicAddressOf: () => runner },
      firewall,
      blocked: 'timeout',
      requireSecureTransport: () => false,
      rules: [],
      holdOf: () => undefined,
      socketPath,
      authenticationTimeout: 100,
    });
    await gate.open();
    const enter = async () => {
      const socket = dial({ address });
      if (how === 'in the clear') return socket;
      socket.write(sslRequest);
      await answer(socket);
      return secured(socket, { host: address });
    };
    const idle = await enter();
    idle.write(startup);
    expect(await answer(idle)).toEqual(startup);
    await everything(await enter());
    idle.write('still here');
    expect(`${await answer(idle)}`).toBe('still here');
    await gate.close();
  });
});

describe('a session', () => {
  test('large statements and large results pass whole', async () => {
    const session = await fixture.login(server);
    const megabytes = 'é'.repeat(4 << 20);
    const { rows } = await session.query(
      `SELECT length('${megabytes}') AS simple, length($1) AS bound, $1::text AS back`,
      [megabytes],
    );
    expect(rows[0].simple).toBe(4 << 20);
    expect(rows[0].bound).toBe(4 << 20);
    expect(rows[0].back === megabytes).toBe(true);
    await session.end();
  });

  test('a statement can be cancelled', async () => {
    const session = await fixture.login(server);
    const [row] = (await session.query('SELECT pg_backend_pid() AS pid')).rows;
    const sleeping = expect(session.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
    const busy = `SELECT FROM pg_stat_activity WHERE pid = ${row.pid} AND query ~ 'pg_sleep' AND state = 'active'`;
    await until(async () => (await fixture.ask(server, busy)).length > 0);
    const key = Buffer.alloc(8);
    key.writeUInt32BE(row.pid, 0);
    key.writeInt32BE(secretKeyOf(session), 4);
    const socket = dial(server);
    socket.write(packet(80877102, key));
    await everything(socket);
    await sleeping;
    await session.end();
  });

  test('neither side outlives the other', async () => {
    const terminated = await fixture.login(server);
    const vanished = await fixture.login(server);
    const pidOf = async (client: typeof vanished) =>
      (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
    const [terminatedPid, vanishedPid] = [await pidOf(terminated), await pidOf(vanished)];
    const gone = ended(terminated);
    await fixture.ask(server, `SELECT pg_terminate_backend(${terminatedPid})`);
    await gone;
    streamOf(vanished).destroy();
    const left = `SELECT FROM pg_stat_activity WHERE pid = ${vanishedPid}`;
    await until(async () => (await fixture.ask(server, left)).length === 0);
  });
});

/** What the driver was told to cancel its session by, and its connection; its types leave both out. */
function secretKeyOf(client: object): number {
  return 'secretKey' in client && typeof client.secretKey === 'number' ? client.secretKey : 0;
}

function streamOf(client: object): { destroy(): void } {
  const { connection } = client as { connection: { stream: { destroy(): void } } };
  return connection.stream;
}

import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect } from 'vitest';
import { chooseLoopbackAddress } from '../../../emulator/postgres/postgres-factory.ts';
import { Firewall } from '../../../emulator/postgres/proxy/firewall.ts';
import { PostgresProxy } from '../../../emulator/postgres/proxy/postgres-proxy.ts';
import {
  administrator,
  createTemporaryDirectory,
  gssEncryptionRequest,
  openSocket,
  readAll,
  readNext,
  rulesAllowing,
  runnerAddress,
  sslRequest,
  startupMessage,
  startupPacket,
  test,
  waitForSessionEnd,
  waitUntil,
} from '../../helpers/emulator/postgres-fixture.ts';

async function startTls(socket: Socket, host: string, ca: string, options = {}): Promise<TLSSocket> {
  const tls = connectTls({ socket, host, ca, ...options });
  await once(tls, 'secureConnect');
  return tls;
}

describe('access', () => {
  test('a client that a rule permits logs in over verified TLS at the address of the server', async ({
    postgres,
    server,
  }) => {
    expect(server.address).toMatch(/^127\.(?!0\.0\.)/);
    expect(await postgres.query(server, 'SELECT current_user AS me')).toEqual([{ me: administrator.login }]);
  });

  test('two servers of one emulator listen on different addresses', async ({ postgres, server }) => {
    const other = await postgres.startServer({ name: 'other' });
    expect(other.address).not.toBe(server.address);
    expect(await postgres.query(other, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await other.destroy();
  });

  test('a session sees the public address of its client, as the firewall does, also in a new database', async ({
    postgres,
    server,
  }) => {
    const sql = 'SELECT host(inet_client_addr()) AS address';
    expect(await postgres.query(server, sql)).toEqual([{ address: runnerAddress }]);
    await postgres.query(server, 'CREATE DATABASE created');
    expect(await postgres.query(server, sql, { database: 'created' })).toEqual([{ address: runnerAddress }]);
  });

  test('the source address of a connection selects the public address that the error contains', async ({
    postgres,
    server,
  }) => {
    postgres.publicAddressBySource.set('127.9.9.9', '198.51.100.7');
    const socket = openSocket(server, '127.9.9.9');
    socket.write(sslRequest);
    expect(`${await readNext(socket)}`).toBe('S');
    const tls = await startTls(socket, server.address, postgres.authority.pem);
    tls.write(startupMessage);
    expect(`${await readAll(tls)}`).toContain(
      'no pg_hba.conf entry for host "198.51.100.7", user "u", database "d", SSL',
    );
  });

  test('with `reject` a blocked client gets 28000 with its address', async ({ postgres, server }) => {
    server.firewall.setRules(rulesAllowing('198.51.100.1'));
    await expect(postgres.openSession(server)).rejects.toMatchObject({
      code: '28000',
      severity: 'FATAL',
      message: `no pg_hba.conf entry for host "${runnerAddress}", user "${administrator.login}", database "postgres", SSL`,
    });
    await expect(postgres.openSession(server, { ssl: false })).rejects.toMatchObject({
      code: '28000',
      message: expect.stringMatching(/database "postgres", no encryption$/),
    });
    server.firewall.setRules(rulesAllowing(runnerAddress));
  });

  test('the rule 0.0.0.0, which permits Azure’s services, does not permit clients', async ({
    postgres,
    server,
  }) => {
    server.firewall.setRules(rulesAllowing('0.0.0.0'));
    await expect(postgres.openSession(server)).rejects.toMatchObject({ code: '28000' });
    server.firewall.setRules(rulesAllowing(runnerAddress));
  });

  test('a session continues after its rule is removed, and a new one is refused', async ({
    postgres,
    server,
  }) => {
    const session = await postgres.openSession(server);
    server.firewall.setRules(new Map());
    await expect(postgres.openSession(server)).rejects.toMatchObject({ code: '28000' });
    expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await session.end();
    server.firewall.setRules(rulesAllowing(runnerAddress));
  });

  test('without TLS a client that a rule permits is refused with "no encryption"', async ({
    postgres,
    server,
  }) => {
    await expect(postgres.openSession(server, { ssl: false })).rejects.toMatchObject({
      code: '28000',
      message: `no pg_hba.conf entry for host "${runnerAddress}", user "${administrator.login}", database "postgres", no encryption`,
    });
  });

  test('a wrong password gives 28P01, and so does a login as azuresu', async ({ postgres, server }) => {
    await expect(postgres.openSession(server, { password: 'wrong' })).rejects.toMatchObject({
      code: '28P01',
    });
    await expect(postgres.openSession(server, { user: 'azuresu' })).rejects.toMatchObject({ code: '28P01' });
  });

  test('a missing database gives 3D000', async ({ postgres, server }) => {
    await expect(postgres.openSession(server, { database: 'nowhere' })).rejects.toMatchObject({
      code: '3D000',
    });
  });
});

describe('blocked clients with `timeout`', () => {
  test('get no answer, and are disconnected when the server stops', async ({ postgres }) => {
    const silent = await postgres.startServer({ name: 'silent', blockedBehavior: 'timeout' });
    silent.firewall.setRules(new Map());
    await expect(postgres.openSession(silent, { connectionTimeoutMillis: 200 })).rejects.toThrow(/timeout/);
    const socket = openSocket(silent);
    await once(socket, 'connect');
    socket.write(sslRequest);
    const received = readAll(socket);
    // When a later client has its answer, the proxy has read the bytes of this one.
    silent.firewall.setRules(rulesAllowing(runnerAddress));
    expect(await postgres.query(silent, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await silent.stop();
    expect((await received).length).toBe(0);
    await silent.destroy();
  });
});

describe('the start of a connection', () => {
  test('direct TLS needs ALPN "postgresql"', async ({ postgres, server }) => {
    const tls = await startTls(openSocket(server), server.address, postgres.authority.pem, {
      ALPNProtocols: ['postgresql'],
    });
    tls.write(startupPacket(196608, Buffer.from(`user\0${administrator.login}\0\0`)));
    expect(`${(await readNext(tls)).subarray(0, 1)}`).toBe('R');
    tls.destroy();
    const withoutAlpn = await startTls(openSocket(server), server.address, postgres.authority.pem);
    withoutAlpn.write(startupMessage);
    expect((await readAll(withoutAlpn)).length).toBe(0);
  });

  test('GSSAPI encryption is declined, and TLS can follow', async ({ server }) => {
    const socket = openSocket(server);
    socket.write(gssEncryptionRequest);
    expect(`${await readNext(socket)}`).toBe('N');
    socket.write(sslRequest);
    expect(`${await readNext(socket)}`).toBe('S');
    socket.destroy();
  });

  test('data after the TLS request, sent without TLS, does not become part of the session', async ({
    server,
  }) => {
    const socket = openSocket(server);
    socket.write(Buffer.concat([sslRequest, startupMessage]));
    expect((await readAll(socket)).length).toBe(0);
  });

  test('TLS below 1.2 is refused', async ({ postgres, server }) => {
    const socket = openSocket(server);
    socket.write(sslRequest);
    await readNext(socket);
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(startTls(socket, server.address, postgres.authority.pem, old)).rejects.toThrow();
  });

  test('invalid data and broken connections do not affect the proxy', async ({ postgres, server }) => {
    const invalidPackets = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([0x16, 3, 1, 0, 1, 9]),
      startupPacket(1),
      Buffer.from([0]),
    ];
    for (const bytes of invalidPackets) openSocket(server).write(bytes, () => {});
    for (const bytes of [sslRequest, sslRequest.subarray(0, 3)]) {
      const socket = openSocket(server);
      socket.write(bytes, () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    expect(await postgres.query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('PostgreSQL sees a client as it is connected', () => {
  const connectionSql = `SELECT ssl, version, host(client_addr) AS address FROM pg_stat_ssl
    JOIN pg_stat_activity USING (pid) WHERE pid = pg_backend_pid()`;

  test.for(['TLSv1.2', 'TLSv1.3'] as const)('with %s', async (version, { postgres, server }) => {
    const ssl = { ca: postgres.authority.pem, minVersion: version, maxVersion: version };
    expect(await postgres.query(server, connectionSql, { ssl })).toEqual([
      { ssl: true, version, address: '127.0.0.1' },
    ]);
  });

  test('without TLS, from its own source address', async ({ postgres, server }) => {
    await server.parameters.set('require_secure_transport', 'off');
    postgres.publicAddressBySource.set('127.9.9.8', runnerAddress);
    const stream = () => {
      const socket = new Socket();
      const connectSocket = socket.connect.bind(socket);
      // pg connects the socket itself.
      return Object.assign(socket, {
        connect: (port: number, host: string) => connectSocket({ port, host, localAddress: '127.9.9.8' }),
      });
    };
    expect(await postgres.query(server, connectionSql, { ssl: false, stream })).toEqual([
      { ssl: false, version: null, address: '127.9.9.8' },
    ]);
    await server.parameters.set('require_secure_transport', 'on');
  });
});

describe('a client that sends nothing', () => {
  test.for(['without TLS', 'over TLS'])(
    'is disconnected, %s, while an idle session stays',
    async (encryption, { postgres }) => {
      await using echo = createServer((socket) => socket.pipe(socket));
      const socketPath = join(await createTemporaryDirectory(), 'echo');
      await once(echo.listen(socketPath), 'listening');
      const firewall = new Firewall(0);
      firewall.setRules(rulesAllowing(runnerAddress));
      const address = await chooseLoopbackAddress();
      const certificate = await postgres.authority.issue([address]);

      /** False if the clients were too slow to start within the timeout, so that the result shows nothing. */
      const runOnce = async (authenticationTimeoutMs: number): Promise<boolean> => {
        const proxy = new PostgresProxy({
          address,
          certificate,
          clientAddresses: { getPublicAddress: () => runnerAddress },
          firewall,
          blockedBehavior: 'timeout',
          requireSecureTransport: () => false,
          rejectsScram: () => false,
          statementRewriters: [],
          findHold: () => undefined,
          connectToPostgres: () => connect(socketPath),
          authenticationTimeoutMs,
        });
        await proxy.open();
        const connectClient = async () => {
          const socket = openSocket({ address });
          if (encryption === 'without TLS') return socket;
          socket.write(sslRequest);
          await readNext(socket);
          return startTls(socket, address, postgres.authority.pem);
        };
        const startSession = async () => {
          const socket = await connectClient();
          socket.write(startupMessage);
          return { socket, first: await readNext(socket) };
        };
        try {
          const idle = await startSession().catch(() => undefined);
          const silent = await connectClient().catch(() => undefined);
          if (idle === undefined || silent === undefined) return false;
          expect(`${idle.first}`).toContain(`emulator.client_address\0${runnerAddress}\0\0`);
          expect((await readAll(silent)).length).toBe(0);
          idle.socket.write('still here');
          expect(`${await readNext(idle.socket)}`).toBe('still here');
          return true;
        } finally {
          await proxy.close();
        }
      };
      let timeoutMs = 100;
      while (!(await runOnce(timeoutMs))) timeoutMs *= 2;
    },
  );
});

describe('a session', () => {
  test('large statements and large results pass unchanged', async ({ postgres, server }) => {
    const session = await postgres.openSession(server);
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

  test('a statement can be cancelled', async ({ postgres, server }) => {
    const session = await postgres.openSession(server);
    const [row] = (await session.query('SELECT pg_backend_pid() AS pid')).rows;
    const sleeping = expect(session.query('SELECT pg_sleep(3600)')).rejects.toMatchObject({ code: '57014' });
    const busy = `SELECT FROM pg_stat_activity WHERE pid = ${row.pid} AND query ~ 'pg_sleep' AND state = 'active'`;
    await waitUntil(async () => (await postgres.query(server, busy)).length > 0);
    const key = Buffer.alloc(8);
    key.writeUInt32BE(row.pid, 0);
    key.writeInt32BE(secretKeyOf(session), 4);
    const socket = openSocket(server);
    socket.write(startupPacket(80877102, key));
    await readAll(socket);
    await sleeping;
    await session.end();
  });

  test('ends on both sides when one side ends', async ({ postgres, server }) => {
    const terminated = await postgres.openSession(server);
    const vanished = await postgres.openSession(server);
    const pidOf = async (client: typeof vanished) =>
      (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
    const [terminatedPid, vanishedPid] = [await pidOf(terminated), await pidOf(vanished)];
    const sessionEnd = waitForSessionEnd(terminated);
    await postgres.query(server, `SELECT pg_terminate_backend(${terminatedPid})`);
    await sessionEnd;
    streamOf(vanished).destroy();
    const remaining = `SELECT FROM pg_stat_activity WHERE pid = ${vanishedPid}`;
    await waitUntil(async () => (await postgres.query(server, remaining)).length === 0);
  });
});

/** The cancel key of the driver. Its types contain neither the key nor the connection. */
function secretKeyOf(client: object): number {
  return 'secretKey' in client && typeof client.secretKey === 'number' ? client.secretKey : 0;
}

function streamOf(client: object): { destroy(): void } {
  const { connection } = client as { connection: { stream: { destroy(): void } } };
  return connection.stream;
}

import type pg from 'pg';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { test } from '../../helpers/emulator/postgres-fixture.ts';

describe.each(['17', '18'])('a session of the service itself, on PostgreSQL %s', (major) => {
  let server: PostgresServer;
  // The administrator's.
  let session: pg.Client;
  test.beforeAll(async ({ postgres, serverOf }) => {
    server = await serverOf(major);
    session = await postgres.openSession(server);
  });
  beforeEach(() => session.query('CREATE DATABASE busy'));
  afterEach(async () => {
    await server.endServiceSessions();
    await session.query('DROP DATABASE IF EXISTS busy WITH (FORCE)');
  });

  const drop = () => session.query('DROP DATABASE busy WITH (FORCE)');

  async function sessions(): Promise<unknown> {
    const { rows } = await session.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = 'busy' AND usename = 'azuresu'`,
    );
    return rows[0].n;
  }

  test('cannot be ended by the administrator’s DROP DATABASE … WITH (FORCE); it can when it has gone', async () => {
    await server.openServiceSession('busy');
    await expect(drop()).rejects.toMatchObject({
      code: '42501',
      message: 'permission denied to terminate process',
    });
    await server.endServiceSessions();
    await drop();
  });

  test('is gone for the very next statement when ending has been told to be done', async () => {
    for (let round = 0; round < 10; round += 1) {
      await server.openServiceSession('busy');
      await server.openServiceSession('busy');
      expect(await sessions()).toBe(2);
      await server.endServiceSessions();
      expect(await sessions()).toBe(0);
    }
  });

  test('keeps its database from being copied', async () => {
    await server.openServiceSession('busy');
    await expect(session.query('CREATE DATABASE copy TEMPLATE busy')).rejects.toMatchObject({
      code: '55006',
    });
    await server.endServiceSessions();
    await session.query('CREATE DATABASE copy TEMPLATE busy');
    await server.dropDatabase('copy');
  });

  test('does not keep the service from dropping the database', async () => {
    await server.openServiceSession('busy');
    await server.dropDatabase('busy');
    expect((await server.listDatabases()).map(({ name }) => name)).not.toContain('busy');
    await server.endServiceSessions();
  });

  test('is refused where there is no such database', async () => {
    await expect(server.openServiceSession('nowhere')).rejects.toMatchObject({ code: '3D000' });
  });

  test('leaves no statement in the log of the clients’', async () => {
    await server.clearStatements();
    await server.openServiceSession('busy');
    await server.endServiceSessions();
    expect(await server.listStatements()).toEqual([]);
  });

  test('ends with its server, and does not come back', async ({ postgres }) => {
    await server.openServiceSession('busy');
    await server.stop();
    await server.endServiceSessions();
    await expect(server.openServiceSession('busy')).rejects.toThrow(/not running/);
    await server.start();
    session = await postgres.openSession(server);
    await drop();
  });
});

import type pg from 'pg';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { test } from '../../helpers/emulator/postgres-fixture.ts';

describe.each(['17', '18'])('a session of the service, on PostgreSQL %s', (major) => {
  let server: PostgresServer;
  let session: pg.Client;
  test.beforeAll(async ({ postgres, serverOf }) => {
    server = await serverOf(major);
    session = await postgres.openSession(server);
  });
  beforeEach(() => session.query('CREATE DATABASE busy'));
  afterEach(async () => {
    await server.serviceSessions.endAll();
    await session.query('DROP DATABASE IF EXISTS busy WITH (FORCE)');
  });

  const drop = () => session.query('DROP DATABASE busy WITH (FORCE)');

  async function sessions(): Promise<unknown> {
    const { rows } = await session.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = 'busy' AND usename = 'azuresu'`,
    );
    return rows[0].n;
  }

  test('blocks the administrator’s DROP DATABASE … WITH (FORCE) until it has ended', async () => {
    await server.serviceSessions.open('busy');
    await expect(drop()).rejects.toMatchObject({
      code: '42501',
      message: 'permission denied to terminate process',
    });
    await server.serviceSessions.endAll();
    await drop();
  });

  test('does not affect the next statement after endAll has resolved', async () => {
    for (let round = 0; round < 10; round += 1) {
      await server.serviceSessions.open('busy');
      await server.serviceSessions.open('busy');
      expect(await sessions()).toBe(2);
      await server.serviceSessions.endAll();
      expect(await sessions()).toBe(0);
    }
  });

  test('blocks a copy of its database', async () => {
    await server.serviceSessions.open('busy');
    await expect(session.query('CREATE DATABASE copy TEMPLATE busy')).rejects.toMatchObject({
      code: '55006',
    });
    await server.serviceSessions.endAll();
    await session.query('CREATE DATABASE copy TEMPLATE busy');
    await server.databases.drop('copy');
  });

  test('does not block a DROP DATABASE of the service', async () => {
    await server.serviceSessions.open('busy');
    await server.databases.drop('busy');
    expect((await server.databases.list()).map(({ name }) => name)).not.toContain('busy');
    await server.serviceSessions.endAll();
  });

  test('is refused for a missing database', async () => {
    await expect(server.serviceSessions.open('nowhere')).rejects.toMatchObject({ code: '3D000' });
  });

  test('adds nothing to the statements of clients', async () => {
    await server.statements.clear();
    await server.serviceSessions.open('busy');
    await server.serviceSessions.endAll();
    expect(await server.statements.list()).toEqual([]);
  });

  test('ends with the stop of its server, and is not restored', async ({ postgres }) => {
    await server.serviceSessions.open('busy');
    await server.stop();
    await server.serviceSessions.endAll();
    await expect(server.serviceSessions.open('busy')).rejects.toThrow(/not running/);
    await server.start();
    session = await postgres.openSession(server);
    await drop();
  });
});

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { createFixture, type Fixture } from '../../helpers/emulator/postgres-fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await createFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe.each(['17', '18'])('a session of the service itself, on PostgreSQL %s', (major) => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await fixture.server({ major });
  });
  afterAll(() => server.destroy());
  beforeEach(() => fixture.ask(server, 'CREATE DATABASE busy'));
  afterEach(async () => {
    await server.endServiceSessions();
    await fixture.ask(server, 'DROP DATABASE IF EXISTS busy WITH (FORCE)');
  });

  const drop = () => fixture.ask(server, 'DROP DATABASE busy WITH (FORCE)');

  async function sessions(): Promise<unknown> {
    const [row] = await fixture.ask(
      server,
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = 'busy' AND usename = 'azuresu'`,
    );
    return row?.['n'];
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
    await expect(fixture.ask(server, 'CREATE DATABASE copy TEMPLATE busy')).rejects.toMatchObject({
      code: '55006',
    });
    await server.endServiceSessions();
    await fixture.ask(server, 'CREATE DATABASE copy TEMPLATE busy');
    await server.dropDatabase('copy');
  });

  test('does not keep the service from dropping the database', async () => {
    await server.openServiceSession('busy');
    await server.dropDatabase('busy');
    expect((await server.databases()).map(({ name }) => name)).not.toContain('busy');
    await server.endServiceSessions();
  });

  test('is refused where there is no such database', async () => {
    await expect(server.openServiceSession('nowhere')).rejects.toMatchObject({ code: '3D000' });
  });

  test('leaves no statement in the log of the clients’', async () => {
    await server.forgetStatements();
    await server.openServiceSession('busy');
    await server.endServiceSessions();
    expect(await server.statements()).toEqual([]);
  });

  test('ends with its server, and does not come back', async () => {
    await server.openServiceSession('busy');
    await server.stop();
    await server.endServiceSessions();
    await expect(server.openServiceSession('busy')).rejects.toThrow(/not running/);
    await server.start();
    await drop();
    const other = await fixture.server({ major, name: 'other' });
    await other.openServiceSession('postgres');
    await other.destroy();
  });
});

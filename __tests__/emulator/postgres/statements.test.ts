import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PostgresServer } from '../../../emulator/postgres/types.ts';
import { admin, createFixture, type Fixture } from '../../helpers/emulator/postgres-fixture.ts';

let fixture: Fixture;
let server: PostgresServer;
beforeAll(async () => {
  fixture = await createFixture();
  server = await fixture.server();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const texts = async () => (await server.statements()).map(({ statement }) => statement);

test('statements of both protocols are there, in order, as they were sent', async () => {
  await server.forgetStatements();
  const session = await fixture.login(server);
  await session.query("SELECT 'statement: one',\n  'é \"two\"'");
  await session.query('SELECT $1::int AS n, $2::text', [7, "it's"]);
  await session.query({ name: 'pre:pared', text: 'SELECT 3' });
  await session.end();
  expect(await server.statements()).toEqual([
    expect.objectContaining({
      server: 'demo-relecloud',
      database: 'postgres',
      user: admin.login,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      statement: "SELECT 'statement: one',\n  'é \"two\"'",
    }),
    expect.objectContaining({
      statement: 'SELECT $1::int AS n, $2::text',
      detail: expect.stringContaining("$2 = 'it''s'"),
    }),
    expect.objectContaining({ statement: 'SELECT 3' }),
  ]);
});

test('a statement is there as soon as its client has the answer, and so is one that failed', async () => {
  await server.forgetStatements();
  const session = await fixture.login(server);
  for (let i = 0; i < 20; i += 1) {
    await session.query(`SELECT ${i}`);
    expect((await texts()).at(-1)).toBe(`SELECT ${i}`);
  }
  await expect(session.query('CREATE DATABASE postgres')).rejects.toMatchObject({ code: '42P04' });
  expect((await texts()).at(-1)).toBe('CREATE DATABASE postgres');
  await session.end();
});

test('the service’s own statements are not among them, its passwords in no log', async () => {
  await server.forgetStatements();
  await server.createDatabase('through_arm', 'UTF8', 'C');
  await server.setAdministratorPassword(admin.password);
  await server.parameters();
  expect(await texts()).toEqual([]);
});

test('forgetting takes what was executed before, and no more', async () => {
  await fixture.ask(server, 'SELECT 1');
  await server.forgetStatements();
  await fixture.ask(server, 'SELECT 2');
  expect(await texts()).toEqual(['SELECT 2']);
});

test('asking from several sides at once loses and doubles nothing', async () => {
  await server.forgetStatements();
  const sessions = await Promise.all(Array.from({ length: 10 }, () => fixture.login(server)));
  const asked = sessions.map(async (session, i) => {
    await session.query(`SELECT ${i}, '${'x'.repeat(20_000)}'`);
    expect((await texts()).filter((statement) => statement.startsWith(`SELECT ${i},`))).toHaveLength(1);
    await session.end();
  });
  await Promise.all(asked);
  const seen = (await texts()).map((statement) => statement.slice(0, 8)).sort();
  expect(seen).toEqual(Array.from({ length: 10 }, (_, i) => `SELECT ${i}`));
});

test('they outlive a restart, and a stop', async () => {
  await server.forgetStatements();
  await fixture.ask(server, 'SELECT 1');
  await server.restart();
  await fixture.ask(server, 'SELECT 2');
  await server.stop();
  expect(await texts()).toEqual(['SELECT 1', 'SELECT 2']);
  await server.start();
  expect(await texts()).toEqual(['SELECT 1', 'SELECT 2']);
});

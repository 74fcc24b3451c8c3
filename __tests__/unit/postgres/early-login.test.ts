import { setImmediate as nextTurn } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import pg from 'pg';
import { describe, expect, vi } from 'vitest';
import type { ServerFacts } from '../../../src/common/server-facts.ts';
import { type EarlyLogin, type LoginResult, login, startEarlyLogin } from '../../../src/postgres/login.ts';
import { Session } from '../../../src/postgres/session.ts';
import { loginTarget } from '../../helpers/unit/fake-firewall.ts';
import { type PartialPostgres, startPartialPostgres } from '../../helpers/unit/partial-postgres.ts';
import {
  invalidScramChallenge,
  loginAcceptedBy,
  loginRefused,
  passwordRequests,
  statementExecuted,
  statementFailed,
} from '../../helpers/unit/postgres-messages.ts';
import { test as base } from '../../helpers/unit/test.ts';

/** What a server answers to a startup message, to a password message and to a statement. */
interface Answers {
  readonly request: Buffer;
  readonly password?: Buffer;
  readonly statement?: Buffer;
}

interface TestServer extends PartialPostgres {
  /** Startup messages, password messages and statements of all clients. */
  readonly startups: string[];
  readonly passwords: string[];
  readonly statements: string[];
}

const test = base.extend('serve', async ({ onTestFinished }) => {
  const authorities = getCACertificates('default');
  onTestFinished(() => setDefaultCACertificates(authorities));
  /** Starts a server, trusted as `localhost`; its first client gets the first of these answers, the others the last. */
  return async (...clients: readonly Answers[]): Promise<TestServer> => {
    const startups: string[] = [];
    const passwords: string[] = [];
    const statements: string[] = [];
    const server = await startPartialPostgres('TLS', (bytes) => {
      const text = bytes.toString('latin1');
      // Only a startup message begins with its length.
      const received = { '\0': startups, p: passwords, Q: statements }[text[0] ?? ''];
      received?.push(text);
      const answers = clients[startups.length - 1] ?? clients.at(-1);
      return { '\0': answers?.request, p: answers?.password, Q: answers?.statement }[text[0] ?? ''];
    });
    onTestFinished(server.close);
    setDefaultCACertificates([...authorities, server.certificate ?? '']);
    return { ...server, startups, passwords, statements };
  };
});

const neverAborted = new AbortController().signal;
/** Milliseconds, longer than any login in these tests. */
const LOGIN_TIMEOUT_MS = 120_000;

const targetAt = ({ port }: PartialPostgres, serverFacts?: ServerFacts) => ({
  ...loginTarget,
  host: 'localhost',
  port,
  ...(serverFacts && { serverFacts }),
});

const startAt = (server: PartialPostgres, isCurrent = () => true): EarlyLogin =>
  startEarlyLogin(targetAt(server), LOGIN_TIMEOUT_MS, neverAborted, isCurrent);

async function resultOf(
  early: EarlyLogin,
  server: PartialPostgres,
  facts?: ServerFacts,
): Promise<LoginResult> {
  const result = await early.resume(targetAt(server, facts))?.result;
  if (result === undefined) throw new Error('the login was not resumed');
  if ('session' in result) await result.session.close();
  return result;
}

const trusting: Answers = { request: loginAcceptedBy('17.5'), statement: statementExecuted };

describe('a login before Azure has named the host', () => {
  test('is the one that is resumed: there is no second connection', async ({ serve }) => {
    const server = await serve(trusting);
    expect(await resultOf(startAt(server), server)).toHaveProperty('session');
    expect(server.startups).toHaveLength(1);
  });

  test.for([
    ['another host', { host: 'demo.private.postgres.database.azure.com' }],
    ['another database', { database: 'relecloud' }],
    ['another role', { user: 'relecloud_app' }],
    ['another password', { password: 'Another-Password1' }],
  ] as const)('is not used for %s', async ([, other], { serve }) => {
    const server = await serve(trusting);
    const early = startAt(server);
    expect(early.resume({ ...targetAt(server), ...other })).toBeUndefined();
    early.discard();
  });

  test('is not used after something that could change its result', async ({ serve }) => {
    const server = await serve(trusting);
    let isCurrent = true;
    const early = startAt(server, () => isCurrent);
    isCurrent = false;
    expect(early.resume(targetAt(server))).toBeUndefined();
    early.discard();
  });

  test('does not answer a request for MD5, which the login to the named host does', async ({ serve }) => {
    const server = await serve({ ...trusting, request: passwordRequests.MD5, password: trusting.request });
    const early = startAt(server);
    await server.dataReceived;
    expect(server.passwords).toEqual([]);
    expect(await resultOf(early, server)).toHaveProperty('session');
    expect(server.startups).toHaveLength(2);
    expect(server.passwords).toHaveLength(1);
  });

  test('answers a request for SCRAM; a wrong password is tried once, and its hint has the facts of Azure', async ({
    serve,
  }) => {
    const server = await serve({ request: passwordRequests.SCRAM, password: loginRefused('28P01') });
    expect(await resultOf(startAt(server), server, { administrator: 'another' })).toMatchObject({
      failure: {
        sqlState: '28P01',
        hint: expect.stringContaining("administrator of the server is 'another'"),
      },
    });
    expect(server.startups).toHaveLength(1);
  });

  test('is repeated if it failed without an answer of PostgreSQL or of the firewall', async ({ serve }) => {
    const server = await serve(
      { request: passwordRequests.SCRAM, password: invalidScramChallenge },
      trusting,
    );
    expect(await resultOf(startAt(server), server)).toHaveProperty('session');
    expect(server.startups).toHaveLength(2);
  });

  test('is repeated if a preset ended the session before the settings of its version were set', async ({
    serve,
  }) => {
    const server = await serve({ ...trusting, statement: statementFailed('57P05') }, trusting);
    expect(await resultOf(startAt(server), server, { majorVersion: 17 })).toHaveProperty('session');
    expect(server.startups).toHaveLength(2);
  });

  test('ends at once when it is discarded, also while no server answers', async ({ onTestFinished }) => {
    const server = await startPartialPostgres('swallow');
    onTestFinished(server.close);
    const early = startAt(server);
    await server.clientConnected;
    early.discard();
    await server.clientDisconnected;
    expect(early.resume(targetAt(server))).toBeUndefined();
  });
});

describe('a session without a version from Azure has the same settings', () => {
  const settings = { createrole_self_grant: 16, idle_session_timeout: 14, transaction_timeout: 17 };
  const settingsIn = (texts: readonly string[]): readonly string[] =>
    Object.keys(settings).filter((name) => texts.join('\n').includes(name));

  test.for([13, 14, 15, 16, 17, 18])('of PostgreSQL %d', async (majorVersion, { serve }) => {
    const server = await serve({ ...trusting, request: loginAcceptedBy(`${majorVersion}.2 (Debian)`) });
    expect(await resultOf(startAt(server), server)).toHaveProperty('session');
    const [setLater, inStartup] = [settingsIn(server.statements), settingsIn(server.startups)];
    expect(inStartup).toEqual([]);
    const known = await login(targetAt(server, { majorVersion }), LOGIN_TIMEOUT_MS, neverAborted).result;
    if ('session' in known) await known.session.close();
    expect(setLater).toEqual(settingsIn(server.startups));
    expect(setLater).toHaveLength(Object.values(settings).filter((since) => since <= majorVersion).length);
  });
});

test('a session gives its driver one statement at a time, also after one that fails', async ({
  serve,
  onTestFinished,
}) => {
  const server = await serve(trusting);
  const session = new Session(targetAt(server), LOGIN_TIMEOUT_MS, neverAborted);
  onTestFinished(() => session.close());
  await session.connect();
  let running = 0;
  const counts: number[] = [];
  const query = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(async () => {
    running += 1;
    counts.push(running);
    await nextTurn();
    running -= 1;
    throw new Error('refused');
  });
  onTestFinished(() => query.mockRestore());
  await Promise.allSettled(['SELECT 1', 'SELECT 2', 'SELECT 3'].map((sql) => session.query(sql)));
  expect(counts).toEqual([1, 1, 1]);
});

import { createHash } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect } from 'vitest';
import { type LoginResult, login } from '../../../src/postgres/login.ts';
import { loginTarget } from '../../helpers/unit/fake-firewall.ts';
import { type PartialPostgres, startPartialPostgres } from '../../helpers/unit/partial-postgres.ts';
import {
  loginAcceptedBy,
  loginRefused,
  passwordRequests,
  protocolMessage,
  salt,
} from '../../helpers/unit/postgres-messages.ts';
import { test as base } from '../../helpers/unit/test.ts';

const loginAccepted = loginAcceptedBy();

const md5 = (...parts: readonly (string | Buffer)[]): string => {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

const test = base.extend('serve', async ({ onTestFinished }) => {
  const authorities = getCACertificates('default');
  onTestFinished(() => setDefaultCACertificates(authorities));
  /** Starts a server, trusted as `localhost`, that sends these answers to a client, one after another. */
  return async (...answers: readonly Buffer[]): Promise<PartialPostgres> => {
    const remaining = [...answers];
    const server = await startPartialPostgres('TLS', () => remaining.shift());
    onTestFinished(server.close);
    setDefaultCACertificates([...authorities, server.certificate ?? '']);
    return server;
  };
});

const neverAborted = new AbortController().signal;

/** Milliseconds, longer than any login in these tests. */
const LOGIN_TIMEOUT_MS = 120_000;

const logIn = ({ port }: PartialPostgres, password: string | undefined): Promise<LoginResult> => {
  const target = { ...loginTarget, host: 'localhost', port, password };
  return login(target, LOGIN_TIMEOUT_MS, neverAborted).result;
};

/** The messages of a client, except the first and the message that ends the session. */
const clientAnswers = ({ received }: PartialPostgres): readonly string[] =>
  received
    .slice(1)
    .map((bytes) => bytes.toString('latin1'))
    .filter((text) => !text.startsWith('X'));

describe('a login with a password', () => {
  test('never answers a request in clear text, and reports it as refused, not as blocked', async ({
    serve,
  }) => {
    const server = await serve(passwordRequests['clear text'], loginAccepted);
    expect(await logIn(server, 'VerySecurePassword!1')).toMatchObject({
      failure: {
        kind: 'refused',
        reason: expect.stringContaining('clear text'),
        hint: expect.stringMatching(/./),
      },
    });
    expect(clientAnswers(server)).toEqual([]);
  });

  test.for(['MD5', 'SCRAM'] as const)(
    'never answers a request in clear text after one for %s',
    async (first, { serve }) => {
      const server = await serve(passwordRequests[first], passwordRequests['clear text'], loginAccepted);
      expect(await logIn(server, 'VerySecurePassword!1')).toMatchObject({ failure: { kind: 'refused' } });
      expect(clientAnswers(server)).toHaveLength(1);
      expect(Buffer.concat(server.received).toString('latin1')).not.toContain('VerySecurePassword!1');
    },
  );

  test('answers a request for MD5', async ({ serve }) => {
    const server = await serve(passwordRequests.MD5, loginAccepted);
    const result = await logIn(server, 'VerySecurePassword!1');
    if ('session' in result) await result.session.close();
    expect(result).toHaveProperty('session');
    const hash = md5(md5('VerySecurePassword!1', loginTarget.user), salt);
    expect(clientAnswers(server)).toEqual([
      protocolMessage('p', Buffer.from(`md5${hash}\0`)).toString('latin1'),
    ]);
  });

  test('answers a request for SCRAM', async ({ serve }) => {
    const server = await serve(passwordRequests.SCRAM, loginRefused('28P01'));
    expect(await logIn(server, 'VerySecurePassword!1')).toMatchObject({ failure: { sqlState: '28P01' } });
    expect(clientAnswers(server)).toEqual([expect.stringMatching(/^p.{4}SCRAM-SHA-256\0.{4}n,,n=\*,r=/s)]);
  });

  test('that is empty sends no password from the environment', async ({ serve }) => {
    const server = await serve(passwordRequests.MD5, loginAccepted);
    const result = await logIn(server, '');
    if ('session' in result) await result.session.close();
    expect(clientAnswers(server)).toEqual([
      protocolMessage('p', Buffer.from(`md5${md5(md5('', loginTarget.user), salt)}\0`)).toString('latin1'),
    ]);
  });
});

describe('a login without a password', () => {
  test.for(['clear text', 'MD5', 'SCRAM'] as const)(
    'ends at a password request (%s), which shows that the firewall admits this runner, and sends nothing',
    async (request, { serve }) => {
      const server = await serve(passwordRequests[request], loginAccepted);
      expect(await logIn(server, undefined)).toMatchObject({
        failure: {
          kind: 'refused',
          reason: 'the server asks for a password, so the firewall admits this runner',
        },
      });
      expect(clientAnswers(server)).toEqual([]);
    },
  );
});

import { createHash } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect } from 'vitest';
import { type LoginResult, login } from '../../../src/postgres/login.ts';
import { loginTarget } from '../../helpers/unit/fake-firewall.ts';
import { type PartialPostgres, startPartialPostgres } from '../../helpers/unit/partial-postgres.ts';
import { test as base } from '../../helpers/unit/test.ts';

/** A message of PostgreSQL's protocol: its type, its length, its body. */
function protocolMessage(type: string, ...body: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(5, type);
  head.writeUInt32BE(4 + Buffer.concat(body).length, 1);
  return Buffer.concat([head, ...body]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const salt = Buffer.from([1, 2, 3, 4]);
const passwordRequests = {
  'clear text': protocolMessage('R', uint32(3)),
  MD5: protocolMessage('R', uint32(5), salt),
  SCRAM: protocolMessage('R', uint32(10), Buffer.from('SCRAM-SHA-256\0\0')),
} as const;
/** A setting that the server reports at the login, as PostgreSQL 14 and later do. */
const reportedSetting = (name: string, value: string): Buffer =>
  protocolMessage('S', Buffer.from(`${name}\0${value}\0`));
const loginAccepted = Buffer.concat([
  protocolMessage('R', uint32(0)),
  reportedSetting('default_transaction_read_only', 'off'),
  reportedSetting('in_hot_standby', 'off'),
  protocolMessage('Z', Buffer.from('I')),
]);

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
    const refusal = protocolMessage('E', Buffer.from('SFATAL\0C28P01\0Mwrong\0\0'));
    const server = await serve(passwordRequests.SCRAM, refusal);
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

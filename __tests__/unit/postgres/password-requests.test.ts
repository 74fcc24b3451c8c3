import { createHash } from 'node:crypto';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect } from 'vitest';
import { type LoginResult, login } from '../../../src/postgres/login.ts';
import { target } from '../../helpers/unit/firewall.ts';
import { type PartialPostgres, partialPostgres } from '../../helpers/unit/partial-postgres.ts';
import { test as base } from '../../helpers/unit/test.ts';

/** A message of PostgreSQL's protocol: its type, its length, its body. */
function message(type: string, ...body: readonly Buffer[]): Buffer {
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
const requests = {
  'clear text': message('R', uint32(3)),
  MD5: message('R', uint32(5), salt),
  SCRAM: message('R', uint32(10), Buffer.from('SCRAM-SHA-256\0\0')),
} as const;
const admitted = Buffer.concat([message('R', uint32(0)), message('Z', Buffer.from('I'))]);

const md5 = (...parts: readonly (string | Buffer)[]): string => {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

const test = base.extend('serve', async ({ onTestFinished }) => {
  const authorities = getCACertificates('default');
  onTestFinished(() => setDefaultCACertificates(authorities));
  /** Starts a server, trusted as `localhost`, that gives these answers to a client, one after another. */
  return async (...answers: readonly Buffer[]): Promise<PartialPostgres> => {
    const left = [...answers];
    const server = await partialPostgres('TLS', () => left.shift());
    onTestFinished(server.close);
    setDefaultCACertificates([...authorities, server.certificate ?? '']);
    return server;
  };
});

const never = new AbortController().signal;

/** Longer than any login takes here, in milliseconds. */
const patience = 120_000;

const logIn = ({ port }: PartialPostgres, password: string | undefined): Promise<LoginResult> => {
  const { password: _, ...place } = { ...target, host: 'localhost', port };
  const complete = password === undefined ? { ...place, password: undefined } : { ...place, password };
  return login(complete, patience, never).result;
};

/** What a client sent, but for its startup message and its farewell. */
const answersIn = ({ received }: PartialPostgres): readonly string[] =>
  received
    .slice(1)
    .map((bytes) => bytes.toString('latin1'))
    .filter((text) => !text.startsWith('X'));

describe('a login with a password', () => {
  test('never answers a request for it in clear text, and never takes that for a blocked connection', async ({
    serve,
  }) => {
    const server = await serve(requests['clear text'], admitted);
    expect(await logIn(server, 'VerySecurePassword!1')).toMatchObject({
      failure: {
        kind: 'refused',
        reason: expect.stringContaining('clear text'),
        advice: expect.stringMatching(/./),
      },
    });
    expect(answersIn(server)).toEqual([]);
  });

  test.for(['MD5', 'SCRAM'] as const)(
    'never answers a request in clear text after one for %s',
    async (first, { serve }) => {
      const server = await serve(requests[first], requests['clear text'], admitted);
      expect(await logIn(server, 'VerySecurePassword!1')).toMatchObject({ failure: { kind: 'refused' } });
      expect(answersIn(server)).toHaveLength(1);
      expect(Buffer.concat(server.received).toString('latin1')).not.toContain('VerySecurePassword!1');
    },
  );

  test('answers a request for MD5', async ({ serve }) => {
    const server = await serve(requests.MD5, admitted);
    const result = await logIn(server, 'VerySecurePassword!1');
    if ('session' in result) await result.session.close();
    expect(result).toHaveProperty('session');
    const hash = md5(md5('VerySecurePassword!1', target.user), salt);
    expect(answersIn(server)).toEqual([message('p', Buffer.from(`md5${hash}\0`)).toString('latin1')]);
  });

  test('answers a request for SCRAM', async ({ serve }) => {
    const refusal = message('E', Buffer.from('SFATAL\0C28P01\0Mwrong\0\0'));
    const server = await serve(requests.SCRAM, refusal);
    expect(await logIn(server, 'VerySecurePassword!1')).toMatchObject({ failure: { sqlState: '28P01' } });
    expect(answersIn(server)).toEqual([expect.stringMatching(/^p.{4}SCRAM-SHA-256\0.{4}n,,n=\*,r=/s)]);
  });

  test('sends no password of the environment in its place where it is empty', async ({ serve }) => {
    const server = await serve(requests.MD5, admitted);
    const result = await logIn(server, '');
    if ('session' in result) await result.session.close();
    expect(answersIn(server)).toEqual([
      message('p', Buffer.from(`md5${md5(md5('', target.user), salt)}\0`)).toString('latin1'),
    ]);
  });
});

describe('a login without a password', () => {
  test.for(['clear text', 'MD5', 'SCRAM'] as const)(
    'ends at a request for one (%s), which proves that the firewall admits this runner, and sends nothing',
    async (request, { serve }) => {
      const server = await serve(requests[request], admitted);
      expect(await logIn(server, undefined)).toMatchObject({
        failure: {
          kind: 'refused',
          reason: 'the server asks for a password, so the firewall admits this runner',
        },
      });
      expect(answersIn(server)).toEqual([]);
    },
  );
});

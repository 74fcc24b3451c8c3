import { createHash, createHmac, webcrypto } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createScramVerifier, derivePassword } from '../../../src/postgres/password.ts';
import { anyText, difficultPasswords } from '../../helpers/unit/arbitraries.ts';
import { acceptsScramProof } from '../../helpers/unit/scram-server.ts';

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** The parts of a verifier as PostgreSQL stores it. */
function parseVerifier(verifier: string) {
  const [, iterations = '', salt = '', stored = '', server = ''] =
    /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/.exec(verifier) ??
    [];
  return {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    stored: Buffer.from(stored, 'base64'),
    server: Buffer.from(server, 'base64'),
  };
}

describe('a SCRAM verifier', () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const exchange = [
    'n=user,r=rOprNGfwEbeRWgbNEkqO',
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  ].join(',');

  test('accepts the client of the example in RFC 7677, section 3, and proves the server to it', () => {
    const { iterations, stored, server } = parseVerifier(createScramVerifier('pencil', salt));
    expect(iterations).toBe(4096);
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const clientKey = Buffer.from(hmac(stored, exchange).map((byte, i) => byte ^ (proof[i] ?? 0)));
    expect(sha256(clientKey)).toEqual(stored);
    expect(hmac(server, exchange).toString('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  test('differs for another password, and for another salt', () => {
    const { stored } = parseVerifier(createScramVerifier('Pencil', salt));
    expect(stored).not.toEqual(parseVerifier(createScramVerifier('pencil', salt)).stored);
    const [first, second] = [createScramVerifier('pencil'), createScramVerifier('pencil')].map(parseVerifier);
    expect([first?.salt.length, second?.salt.length]).toEqual([16, 16]);
    expect(first?.salt).not.toEqual(second?.salt);
    expect(first?.stored).not.toEqual(second?.stored);
  });

  test('does not contain the password', () => {
    for (const password of difficultPasswords) expect(createScramVerifier(password)).not.toContain(password);
  });

  test('accepts a client with the password, and no other password', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (password) => {
        const verifier = createScramVerifier(password);
        expect(await acceptsScramProof(verifier, password)).toBe(true);
        expect(await acceptsScramProof(verifier, `${password}x`)).toBe(false);
      }),
      { numRuns: 40, examples: difficultPasswords.map((password): [string] => [password]) },
    );
  });

  test.each([
    ['a no-break space is a space', 'a\u00a0b', 'a b'],
    ['an Ogham space is a space, which NFKC alone does not change', 'a\u1680b', 'a b'],
    ['a zero-width space is a space', 'a\u200bb', 'a b'],
    ['a soft hyphen is removed', 'a\u00adb', 'ab'],
    ['a ligature becomes its letters', '\ufb01n', 'fin'],
    ['a letter and its accent become one character', 'e\u0301', 'é'],
    ['full-width digits become digits', '１２', '12'],
  ])('normalizes the password as clients do by RFC 4013: %s', async (_, one, other) => {
    expect(parseVerifier(createScramVerifier(one, salt))).toEqual(
      parseVerifier(createScramVerifier(other, salt)),
    );
    expect(await acceptsScramProof(createScramVerifier(one), one)).toBe(true);
    expect(await acceptsScramProof(createScramVerifier(one), other)).toBe(true);
  });
});

describe('a derived password', () => {
  const key = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
  const context = {
    serverId:
      '/subscriptions/6f1c2a34-0b7e-4d1a-9c55-0123456789ab/resourceGroups/Demo/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo-relecloud',
    database: 'relecloud_pr_42',
    role: 'relecloud_app_pr_42',
  };
  const text = fc.string({ maxLength: 20 });
  const anyContext = fc.record({ serverId: text, database: text, role: text });
  const keys = fc
    .uint8Array({ minLength: 32, maxLength: 48 })
    .map((bytes) => Buffer.from(bytes).toString('hex'));

  test('never changes, so that later jobs and later versions derive the same one', () => {
    expect(derivePassword(key, context)).toBe('XGQirYJNBruIjRdwtPbdXtTJo5mENxJngZiyZcGNGvA');
  });

  test('equals 32 bytes of another implementation of HKDF, in base64url', async () => {
    await fc.assert(
      fc.asyncProperty(keys, anyContext, async (hex, passwordContext) => {
        const { serverId, database, role } = passwordContext;
        const info = JSON.stringify([
          'azure-postgresql-action: password of an application role',
          serverId.toLowerCase(),
          database,
          role,
        ]);
        const material = await webcrypto.subtle.importKey('raw', Buffer.from(hex, 'hex'), 'HKDF', false, [
          'deriveBits',
        ]);
        const bits = await webcrypto.subtle.deriveBits(
          { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: new TextEncoder().encode(info) },
          material,
          256,
        );
        const password = derivePassword(hex, passwordContext);
        expect(password).toMatch(/^[\w-]{43}$/);
        expect(password).toBe(Buffer.from(bits).toString('base64url'));
      }),
    );
  });

  test('ignores the case of ARM’s id of the server', () => {
    for (const serverId of [context.serverId.toUpperCase(), context.serverId.toLowerCase()])
      expect(derivePassword(key, { ...context, serverId })).toBe(derivePassword(key, context));
  });

  test('differs for another server, database, role or key', () => {
    const anyInput = fc.tuple(keys, anyContext);
    const identity = ([hex, { serverId, database, role }]: [string, typeof context]): string =>
      JSON.stringify([hex, serverId.toLowerCase(), database, role]);
    fc.assert(
      fc.property(anyInput, anyInput, (one, other) => {
        expect(derivePassword(...one) === derivePassword(...other)).toBe(identity(one) === identity(other));
      }),
    );
    const contexts = [
      context,
      { ...context, serverId: `${context.serverId}2` },
      { ...context, database: 'relecloud_pr_43' },
      { ...context, role: 'relecloud_app_pr_43' },
      { ...context, database: context.role, role: context.database },
      { ...context, database: `${context.database}","${context.role}`, role: '' },
      { ...context, database: context.database.toUpperCase() },
    ];
    expect(new Set(contexts.map((other) => derivePassword(key, other))).size).toBe(contexts.length);
  });
});

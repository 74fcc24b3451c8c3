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

describe('a SCRAM verifier computed here, never the plain text in SQL', () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const exchange = [
    'n=user,r=rOprNGfwEbeRWgbNEkqO',
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  ].join(',');

  test('RFC 7677, 3: the example’s client proves itself to it, and it to the client', () => {
    const { iterations, stored, server } = parseVerifier(createScramVerifier('pencil', salt));
    expect(iterations).toBe(4096);
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const clientKey = Buffer.from(hmac(stored, exchange).map((byte, i) => byte ^ (proof[i] ?? 0)));
    expect(sha256(clientKey)).toEqual(stored);
    expect(hmac(server, exchange).toString('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  test('another password is another verifier, and so is another salt', () => {
    const { stored } = parseVerifier(createScramVerifier('Pencil', salt));
    expect(stored).not.toEqual(parseVerifier(createScramVerifier('pencil', salt)).stored);
    const again = [createScramVerifier('pencil'), createScramVerifier('pencil')].map(parseVerifier);
    expect(again.map((each) => each.salt.length)).toEqual([16, 16]);
    expect(again[0]?.salt).not.toEqual(again[1]?.salt);
    expect(again[0]?.stored).not.toEqual(again[1]?.stored);
  });

  test('nothing of the password is in it', () => {
    for (const password of difficultPasswords) expect(createScramVerifier(password)).not.toContain(password);
  });

  test('whoever logs in by the password gets in, and nobody by another', async () => {
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
    ['an Ogham space is one too, which NFKC alone leaves', 'a\u1680b', 'a b'],
    ['a space of no width likewise', 'a\u200bb', 'a b'],
    ['a soft hyphen is nothing', 'a\u00adb', 'ab'],
    ['a ligature is its letters', '\ufb01n', 'fin'],
    ['a letter and its accent are one', 'e\u0301', 'é'],
    ['full-width digits are digits', '１２', '12'],
  ])('RFC 4013, as clients prepare what they prove: %s', async (_, one, other) => {
    expect(parseVerifier(createScramVerifier(one, salt))).toEqual(
      parseVerifier(createScramVerifier(other, salt)),
    );
    expect(await acceptsScramProof(createScramVerifier(one), one)).toBe(true);
    expect(await acceptsScramProof(createScramVerifier(one), other)).toBe(true);
  });
});

describe('a password derived by HKDF-SHA-256 with server id, database and role', () => {
  const key = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
  const of = {
    serverId:
      '/subscriptions/6f1c2a34-0b7e-4d1a-9c55-0123456789ab/resourceGroups/Demo/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo-relecloud',
    database: 'relecloud_pr_42',
    role: 'relecloud_app_pr_42',
  };
  const text = fc.string({ maxLength: 20 });
  const whose = fc.record({ serverId: text, database: text, role: text });
  const keys = fc
    .uint8Array({ minLength: 32, maxLength: 48 })
    .map((bytes) => Buffer.from(bytes).toString('hex'));

  test('any later job, and any later version, gets the same one', () => {
    expect(derivePassword(key, of)).toBe('XGQirYJNBruIjRdwtPbdXtTJo5mENxJngZiyZcGNGvA');
  });

  test('it is what another maker of HKDF derives: 32 bytes in base64url, which no quoting can break', async () => {
    await fc.assert(
      fc.asyncProperty(keys, whose, async (hex, parts) => {
        const { serverId, database, role } = parts;
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
        const password = derivePassword(hex, parts);
        expect(password).toMatch(/^[\w-]{43}$/);
        expect(password).toBe(Buffer.from(bits).toString('base64url'));
      }),
    );
  });

  test('ARM’s id of the server is the same one in whatever case it answers', () => {
    for (const serverId of [of.serverId.toUpperCase(), of.serverId.toLowerCase()])
      expect(derivePassword(key, { ...of, serverId })).toBe(derivePassword(key, of));
  });

  test('another server, database, role or key: another password', () => {
    const parts = fc.tuple(keys, whose);
    const identity = ([hex, { serverId, database, role }]: [string, typeof of]): string =>
      JSON.stringify([hex, serverId.toLowerCase(), database, role]);
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        expect(derivePassword(...one) === derivePassword(...other)).toBe(identity(one) === identity(other));
      }),
    );
    const all = [
      of,
      { ...of, serverId: `${of.serverId}2` },
      { ...of, database: 'relecloud_pr_43' },
      { ...of, role: 'relecloud_app_pr_43' },
      { ...of, database: of.role, role: of.database },
      { ...of, database: `${of.database}","${of.role}`, role: '' },
      { ...of, database: of.database.toUpperCase() },
    ];
    expect(new Set(all.map((each) => derivePassword(key, each))).size).toBe(all.length);
  });
});

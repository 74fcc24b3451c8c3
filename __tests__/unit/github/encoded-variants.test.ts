import { spawnSync } from 'node:child_process';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { escapeLiteral } from 'pg';
import { describe, expect, test } from 'vitest';
import { formatDotenv, percentEncode } from '../../../src/common/encoding.ts';
import { replaceControlCharacters } from '../../../src/common/sanitize.ts';
import { encodedVariants } from '../../../src/github/encoded-variants.ts';
import {
  adoNetConnectionString,
  connectionEnvironment,
  databaseUrl,
  jdbcUrl,
  passwordForms,
  textsWithPassword,
} from '../../../src/publish/connection-formats.ts';
import { anyText, difficultPasswords } from '../../helpers/unit/arbitraries.ts';
import encoderRecords from '../../helpers/unit/encoder-records.json' with { type: 'json' };
import { maskLog, unmaskedText } from '../../helpers/unit/runner-masking.ts';

const connectionWith = (password: string) => ({
  host: 'demo.postgres.database.azure.com',
  port: 5432,
  database: 'relecloud',
  user: 'relecloud_admin',
  password,
  sslMode: 'require' as const,
  sslRootCert: undefined,
});

/** How a password appears in outputs and logs: its encoding without quotes, and the whole text. */
const logForms: Readonly<
  Record<string, readonly [inner: (text: string) => string, whole: (text: string) => string]>
> = {
  raw: [(text) => text, (text) => `password is ${text}.`],
  'a log line, without control characters': [
    replaceControlCharacters,
    (text) => replaceControlCharacters(`password is ${text}.`),
  ],
  'the database URL': [percentEncode, (text) => databaseUrl(connectionWith(text))],
  'the JDBC URL': [percentEncode, (text) => jdbcUrl(connectionWith(text))],
  'the ADO.NET string': [
    (text) => text.replaceAll('"', '""'),
    (text) => adoNetConnectionString(connectionWith(text)),
  ],
  'the dotenv file': [
    (text) => formatDotenv(new Map([['', text]])).replace(/^=(['"]?)(.*)\1\n$/s, '$2'),
    (text) => formatDotenv(new Map([['DB_PASSWORD', text]])),
  ],
  JSON: [(text) => JSON.stringify(text).slice(1, -1), (text) => JSON.stringify({ db: { text } })],
  'a SQL literal': [
    (text) => escapeLiteral(text).replace(/^( E)?'|'$/g, ''),
    (text) => `SET x = ${escapeLiteral(text)}`,
  ],
  'a shell word': [
    (text) => text.replaceAll("'", "'\\''"),
    (text) => `echo '${text.replaceAll("'", "'\\''")}'`,
  ],
  'a query string': [
    (text) => String(new URLSearchParams({ '': text })).slice(1),
    (text) => `https://example.org/?${new URLSearchParams({ password: text, x: 'y' })}`,
  ],
  'an object that Node prints': [
    (text) => inspect(text, { maxStringLength: null }).slice(1, -1),
    (text) => inspect({ db: { text } }),
  ],
  encodeURIComponent: [encodeURIComponent, (text) => `/x?p=${encodeURIComponent(text)}`],
};

const recordedVariants = encoderRecords.texts.map(encodedVariants);

/** Random texts rarely contain a certain control character, so each of them is in an example, with and without a quote. */
const controlCharacters = [...Array(0xa0).keys()]
  .filter((code) => code > 0 && (code < 0x20 || code >= 0x7f))
  .map((code) => String.fromCharCode(code));
const examples = [...difficultPasswords, ...controlCharacters.flatMap((c) => [`a${c}b`, `'${c}"`])];

const secrets = anyText.filter((text) => text.trim() !== '');

describe('every encoding of a secret is masked', () => {
  test.each(Object.entries(logForms))('%s: no character of it is readable', (_, [inner, whole]) => {
    fc.assert(
      fc.property(secrets, (secret) => {
        expect(whole(secret)).toContain(inner(secret));
        expect(unmaskedText(inner(secret), encodedVariants(secret))).toBe('');
      }),
      { numRuns: 400 + examples.length, examples: examples.map((text) => [text] as [string]) },
    );
  });

  test('a secret of letters, digits, `_`, `.` and `-` has no other encoding, since every encoder keeps them', () => {
    const variantsOfQuote = encodedVariants('"');
    expect(variantsOfQuote.length).toBeGreaterThan(5);
    fc.assert(
      fc.property(fc.stringMatching(/^[\w.-]+$/), (text) => {
        expect(encodedVariants(text)).toEqual([text]);
        expect(encodedVariants(`"${text}`)).toEqual(variantsOfQuote.map((variant) => `${variant}${text}`));
      }),
    );
  });

  test('a secret with characters that only URLs and shells encode has every variant, although most encoders are skipped', () => {
    // The quote makes every encoder run.
    const variantsOfQuote = encodedVariants('"');
    fc.assert(
      fc.property(fc.stringMatching(/^[\w.!%()*,:;?@[\]^{|}-]+$/), (text) => {
        const possible = new Set(
          encodedVariants(text).flatMap((variant) => variantsOfQuote.map((quote) => `${quote}${variant}`)),
        );
        expect(encodedVariants(`"${text}`).filter((variant) => !possible.has(variant))).toEqual([]);
      }),
    );
  });

  test('no word of it is readable inside a larger text', () => {
    for (const password of difficultPasswords) {
      for (const [name, [, whole]] of Object.entries(logForms)) {
        const unmasked = unmaskedText(whole(password), encodedVariants(password)).replaceAll(
          'relecloud_admin',
          '',
        );
        for (const word of longWords(password)) expect(unmasked, name).not.toContain(word);
      }
    }
  });

  test('a dotenv file with all formats shows the host and the user, but no password', () => {
    const config = {
      exportEnv: true,
      envPrefix: 'DB_',
      envFile: undefined,
      formats: ['url', 'pg', 'jdbc', 'ado.net', 'asyncpg'],
      sslMode: 'require',
    } as const;
    for (const password of difficultPasswords) {
      const connection = connectionWith(password);
      const masks = [...passwordForms(connection).flatMap(encodedVariants), ...textsWithPassword(connection)];
      const log = maskLog(formatDotenv(connectionEnvironment(connection, config)), masks);
      expect(log).toMatch(/^DB_PASSWORD=['"]?█+['"]?$/m);
      expect(log).toMatch(/^DATABASE_URL=█+$/m);
      expect(log).toMatch(/^JDBC_DATABASE_URL='?█+'?$/m);
      expect(log).toMatch(/^ASYNCPG_DATABASE_URL=█+$/m);
      expect(log).toMatch(/^ConnectionStrings__Default=(['"]?█+['"]?$|.*Password=\W*█+)/m);
      for (const word of longWords(password)) expect(log).not.toContain(word);
      expect(log).toMatch(/^DB_HOST=demo\.postgres\.database\.azure\.com$/m);
      expect(log).toMatch(/^DB_USER=relecloud_admin$/m);
    }
  });

  test('bash’s own encodings: printf %q and a command traced with set -x', () => {
    for (const password of difficultPasswords) {
      const env = { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', PASSWORD: password };
      const script = 'set -x; : "$PASSWORD"; set +x; printf "%q\\n" "$PASSWORD"; echo "${PASSWORD@Q}"';
      const { stdout, stderr } = spawnSync('bash', ['--noprofile', '--norc', '-c', script], {
        env,
        encoding: 'utf8',
      });
      const unmasked = unmaskedText(stdout + stderr, encodedVariants(password)).replaceAll('$PASSWORD', '');
      for (const word of longWords(password)) expect(unmasked, stdout + stderr).not.toContain(word);
    }
  });

  test.each(Object.entries(encoderRecords.encoders))('%s, recorded with the real program', (_, outputs) => {
    expect(outputs).toHaveLength(encoderRecords.texts.length);
    for (const [i, variants] of recordedVariants.entries())
      expect(unmaskedText(outputs[i] ?? '', variants), variants[0]).toBe('');
  });

  test.each([
    [
      'System.Text.Json',
      `p\\"'&<>+\`é😀\x7f/`,
      '\\\\\\u0022\\u0027\\u0026\\u003C\\u003E\\u002B\\u0060\\u00E9\\uD83D\\uDE00\\u007F/',
    ],
    ['HttpUtility.UrlEncode', 'p ä/!(x)', 'p+%c3%a4%2f!(x)'],
    ['WebUtility.HtmlEncode', `p<"é'😀>`, 'p&lt;&quot;&#233;&#39;&#128512;&gt;'],
    ['PowerShell ConvertTo-Json', `p'<é&>"`, `p\\u0027\\u003cé\\u0026\\u003e\\"`],
  ])('%s of .NET, after its documentation', (_, text, output) => {
    expect(unmaskedText(output.startsWith('p') ? output : `p${output}`, encodedVariants(text))).toBe('');
  });

  test('a password of letters and digits needs one mask, so that a log stays fast', () => {
    expect(encodedVariants('aB3_x-9zQ')).toEqual(['aB3_x-9zQ']);
  });

  test('the raw secret is the first variant', () => {
    fc.assert(
      fc.property(anyText, (secret) => {
        expect(encodedVariants(secret)[0]).toBe(secret);
      }),
    );
  });

  test('no variant is blank, which would mask the whole log', () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        for (const variant of encodedVariants(secret)) expect(variant.trim()).not.toBe('');
      }),
    );
    expect(encodedVariants('')).toEqual([]);
  });
});

/** Words of a password that are long enough to be recognized. */
const longWords = (password: string): readonly string[] =>
  password.split(/[^A-Za-z0-9]+/).filter((part) => part.length > 2);

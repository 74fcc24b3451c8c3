import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMessage } from '../../../emulator/postgres/proxy/message-stream.ts';
import {
  RequestFilter,
  rejectDatabaseCreation,
  rejectRestrictedRoleGrant,
} from '../../../emulator/postgres/proxy/request-filter.ts';
import { ResponseFilter } from '../../../emulator/postgres/proxy/response-filter.ts';
import { readAll } from '../../helpers/emulator/postgres-fixture.ts';

async function pipeThrough(chunks: Iterable<Buffer>, stream: Transform): Promise<Buffer> {
  const out = new PassThrough();
  const [bytes] = await Promise.all([readAll(out), pipeline(chunks, stream, out)]);
  return bytes;
}

function filterRequests(
  chunks: Iterable<Buffer>,
  rule: (sql: string) => string | undefined,
): Promise<Buffer> {
  return pipeThrough(chunks, new RequestFilter([rule]));
}

const anyMessage = fc
  .tuple(fc.constantFrom('Q', 'P', 'B', 'd', 'p', 'X'), fc.uint8Array({ maxLength: 40 }))
  .map(([type, body]) => encodeMessage(type, Buffer.from([...body, 0])));

function splitBySizes(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)].filter((chunk) => chunk.length > 0);
}

describe('the request filter', () => {
  test('bytes pass unchanged, for every split into chunks, and with an incomplete last message', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }));
    await fc.assert(
      fc.asyncProperty(fc.array(anyMessage), sizes, fc.nat(8), async (messages, cuts, missing) => {
        const bytes = Buffer.concat(messages);
        const sent = bytes.subarray(0, Math.max(0, bytes.length - missing));
        expect(await filterRequests(splitBySizes(sent, cuts), () => undefined)).toEqual(sent);
      }),
    );
  });

  test('a replaced statement does not change the messages around it, for every split into chunks', async () => {
    const around = encodeMessage('d', Buffer.alloc(70, 'Q'));
    const bytes = Buffer.concat([
      around,
      encodeMessage('Q', Buffer.from('bad\0')),
      encodeMessage('P', Buffer.from('name\0bad\0\0\x01\0\0\0\x17', 'latin1')),
      encodeMessage('Q', Buffer.from('good\0')),
      around,
    ]);
    const expected = Buffer.concat([
      around,
      encodeMessage('Q', Buffer.from('worse\0')),
      encodeMessage('P', Buffer.from('name\0worse\0\0\0')),
      encodeMessage('Q', Buffer.from('good\0')),
      around,
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 })), async (cuts) => {
        const sent = await filterRequests(splitBySizes(bytes, cuts), (sql) =>
          sql === 'bad' ? 'worse' : undefined,
        );
        expect(sent).toEqual(expected);
      }),
    );
  });
});

describe('the response filter', () => {
  const error = (...fields: string[]) => encodeMessage('E', Buffer.from(`${fields.join('\0')}\0\0`));
  const rows = fc
    .tuple(fc.constantFrom('D', 'T', 'C', 'E', 'N', 'Z'), fc.uint8Array({ maxLength: 40 }))
    .map(([type, body]) => encodeMessage(type, Buffer.from([...body, 0])));

  test('bytes pass unchanged, for every split into chunks, and with an incomplete last message', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }));
    await fc.assert(
      fc.asyncProperty(fc.array(rows), sizes, fc.nat(8), async (messages, cuts, missing) => {
        const bytes = Buffer.concat(messages);
        const sent = bytes.subarray(0, Math.max(0, bytes.length - missing));
        expect(await pipeThrough(splitBySizes(sent, cuts), new ResponseFilter())).toEqual(sent);
      }),
    );
  });

  test.each([
    error('SERROR', 'VERROR', 'C42704', 'Mextension "x" does not exist'),
    error('SERROR', 'VERROR', 'C58P01', 'Mextension "x" is not available'),
    encodeMessage('D', Buffer.from('C0A000\0Mextension "x" is not available\0\0')),
  ])('other errors, and rows that look like one, pass unchanged', async (bytes) => {
    expect(await pipeThrough([bytes], new ResponseFilter())).toEqual(bytes);
  });

  test('the error of a missing extension becomes "not allow-listed", without PostgreSQL’s detail', async () => {
    const bytes = error(
      'SERROR',
      'C0A000',
      'Mextension "a" is" is not available',
      'D/some/path',
      'Hinstall',
      'L1',
    );
    const text = `${await pipeThrough([bytes], new ResponseFilter())}`;
    expect(text).toContain('\0Mextension "a" is" is not allow-listed for "azure_pg_admin" users');
    expect(text.split('\0').map((field) => field.charAt(0))).toEqual(
      expect.arrayContaining(['C', 'L', 'M', 'H']),
    );
    expect(text).not.toMatch(/some.path|install/);
  });
});

describe('the restricted role azure_pg_admin', () => {
  test.each([
    'GRANT app TO azure_pg_admin',
    'grant app, "other one" to someone, AZURE_PG_ADMIN with admin option;',
    'SELECT 1; /* why not */ GRANT app\n  TO "azure_pg_admin"',
    '-- GRANT\nGRANT app TO -- whom?\n azure_pg_admin',
    'GRANT "on" TO azure_pg_admin',
  ])('cannot be granted a role: %s', (sql) => {
    expect(rejectRestrictedRoleGrant(sql)).toContain(
      'permission denied to alter restricted role "azure_pg_admin"',
    );
  });

  test.each([
    'GRANT azure_pg_admin TO app',
    'GRANT SELECT ON t TO azure_pg_admin',
    'GRANT USAGE ON SCHEMA public TO azure_pg_admin',
    "SELECT 'GRANT app TO azure_pg_admin'",
    "SELECT E'\\' ; GRANT app TO azure_pg_admin '",
    'SELECT $x$; GRANT app TO azure_pg_admin $x$',
    '/* ; GRANT app TO azure_pg_admin */ SELECT 1',
    'GRANT app TO azure_pg_administrator',
    'GRANT app TO other; ALTER SCHEMA s OWNER TO azure_pg_admin',
  ])('is not affected by: %s', (sql) => {
    expect(rejectRestrictedRoleGrant(sql)).toBeUndefined();
  });
});

describe('an elastic cluster', () => {
  test.each([
    'CREATE DATABASE more',
    'create\n database "more" TEMPLATE template0;',
    '/* one */ CREATE -- two\nDATABASE more',
    "SELECT ';'; CREATE DATABASE more",
  ])('refuses a second database: %s', (sql) => {
    expect(rejectDatabaseCreation(sql)).toContain('CREATE DATABASE is not supported on an elastic cluster');
  });

  test.each([
    'SELECT 1',
    'CREATE TABLE database ()',
    "COMMENT ON TABLE t IS 'x; CREATE DATABASE more'",
    'DO $$BEGIN /* ; CREATE DATABASE more */ END$$',
    '-- ; CREATE DATABASE more',
    'ALTER DATABASE stars SET work_mem = 4096',
  ])('accepts every other statement: %s', (sql) => {
    expect(rejectDatabaseCreation(sql)).toBeUndefined();
  });
});

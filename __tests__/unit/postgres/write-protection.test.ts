import { describe, expect, test } from 'vitest';
import { explainWriteProtection } from '../../../src/postgres/write-protection.ts';

describe('the explanation of a write protection', () => {
  test('names the storage and auto-grow as far as Azure reports them, and advises what is not done yet', () => {
    const off = explainWriteProtection('server', { storageGiB: 32, hasAutoGrow: false });
    expect(off.cause).toBe(
      'The server itself is read-only: its storage has 32 GiB, and storage auto-grow is off.',
    );
    expect(off.hint).toMatch(/storage-size-gb to more than 32 .*storage-auto-grow to true/);
    const on = explainWriteProtection('server', { hasAutoGrow: true });
    expect(on.cause).toBe('The server itself is read-only: storage auto-grow is on.');
    expect(on.hint).not.toContain('storage-auto-grow to true');
    expect(explainWriteProtection('server').cause).toBe('The server itself is read-only.');
  });

  test('of a read replica names the primary server, and nothing about storage', () => {
    const { hint } = explainWriteProtection('replica', { storageGiB: 32, primaryServer: 'relecloud' });
    expect(hint).toContain("Set server-name to the primary server 'relecloud'");
    expect(hint).not.toContain('storage');
  });

  test('of a preset names the statements that remove it', () => {
    expect(explainWriteProtection('preset', {}, ['ALTER ROLE a RESET b;']).hint).toMatch(
      /SET default_transaction_read_only = off; ALTER ROLE a RESET b;$/,
    );
  });
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { readConfigFile } from '../../../../src/inputs/config-file/read-config-file.ts';
import { test as base } from '../../../helpers/unit/test.ts';

const test = base
  /** Writes the file into the workspace. */
  .extend('write', async ({ workspace }) => (content: string | Uint8Array): void => {
    writeFileSync(join(workspace, 'postgres.yml'), content);
  });

describe('the file of config-file', () => {
  test('is relative to the workspace, with or without a byte order mark, with LF or CRLF', ({ write }) => {
    write('\ufeffmode: check\r\nregion: westeurope\r\n');
    const { values, errors } = readConfigFile('postgres.yml');
    expect(errors).toEqual([]);
    expect([...values]).toEqual([
      ['mode', 'check'],
      ['region', 'westeurope'],
    ]);
  });

  test('can be an absolute path', ({ workspace, write }) => {
    write('mode: check');
    expect(readConfigFile(join(workspace, 'postgres.yml')).errors).toEqual([]);
  });
});

describe('an unreadable file is an error that states what to do', () => {
  const errorOf = (path = 'postgres.yml'): string => {
    const { isUnreadable, errors } = readConfigFile(path);
    expect(isUnreadable).toBe(true);
    expect(errors).toHaveLength(1);
    return errors[0] ?? '';
  };

  test('a missing file, perhaps because the repository was not checked out', ({ workspace: _ }) => {
    expect(errorOf('db/postgres.yml')).toMatch(
      /^config-file db\/postgres\.yml is not in the workspace: check out the repository before this step/,
    );
  });

  test('a path below a file', ({ write }) => {
    write('mode: check');
    expect(errorOf('postgres.yml/x')).toMatch(
      /^config-file postgres\.yml\/x (is not in the workspace|cannot be read)/,
    );
  });

  test('a folder', ({ workspace }) => {
    mkdirSync(join(workspace, 'postgres.yml'));
    expect(errorOf()).toBe(
      'config-file postgres.yml is not a file: set the path of a YAML file in the workspace',
    );
  });

  test('an invalid path', ({ workspace: _ }) => {
    expect(errorOf('a\0b')).toMatch(/cannot be read: /);
  });

  test('a file of more than 64 KiB, without reading it', ({ write }) => {
    write(new Uint8Array(2 ** 16 + 1));
    expect(errorOf()).toBe(
      'config-file postgres.yml has more than 65536 bytes (65537), which is the limit: check whether it is the right file',
    );
  });

  test.for<readonly [encoding: string, bytes: Uint8Array]>([
    ['Latin-1', Buffer.from('region: Bern–é', 'latin1')],
    ['UTF-16', Buffer.from('\ufeffmode: check', 'utf16le')],
  ])('a file that is not UTF-8: %s', ([_, bytes], { write }) => {
    write(bytes);
    expect(errorOf()).toBe('config-file postgres.yml is not UTF-8 text: save it in that encoding');
  });
});

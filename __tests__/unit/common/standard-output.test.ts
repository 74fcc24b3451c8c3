import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { writeCompletely } from '../../../src/common/standard-output.ts';

/** Bytes; a pipe holds 65,536. */
const LARGE = 1_000_000;

const { writeSync } = vi.hoisted(() => ({ writeSync: vi.fn() }));
vi.mock('node:fs', async (importOriginal) => ({ ...(await importOriginal<object>()), writeSync }));

afterEach(() => writeSync.mockReset());

describe('a text is written completely', () => {
  test('if the file takes only parts of it, also within a character', () => {
    const written: number[] = [];
    writeSync.mockImplementation((_, bytes: Uint8Array) => {
      written.push(bytes[0] ?? 0);
      return 1;
    });
    writeCompletely(1, 'a€');
    expect(Buffer.from(written).toString()).toBe('a€');
  });

  test('if a pipe that does not block is full for some time', () => {
    const full = Object.assign(new Error('full'), { code: 'EAGAIN' });
    writeSync.mockImplementationOnce(() => {
      throw full;
    });
    writeSync.mockImplementation((_, bytes: Uint8Array) => bytes.length);
    writeCompletely(1, 'text');
    expect(writeSync.mock.calls.map(([, bytes]) => String(bytes))).toEqual(['text', 'text']);
  });

  test('another error is thrown', () => {
    writeSync.mockImplementation(() => {
      throw Object.assign(new Error('broken'), { code: 'EPIPE' });
    });
    expect(() => writeCompletely(1, 'text')).toThrow('broken');
  });

  test('before the process ends, although nobody reads the pipe when it is written', async () => {
    const url = pathToFileURL(`${import.meta.dirname}/../../../src/common/standard-output.ts`).href;
    const script = `import { writeSync } from 'node:fs';
      import { replaceStandardOutput } from ${JSON.stringify(url)};
      replaceStandardOutput();
      writeSync(3, 'begins');
      console.log('x'.repeat(${LARGE}));
      process.stdout.write('end', () => process.exit(7));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    });
    const exited = once(child, 'exit');
    const [, output, , signal] = child.stdio as Readable[];
    if (output === undefined || signal === undefined) expect.unreachable();
    await once(signal, 'data');
    expect(await text(output)).toBe(`${'x'.repeat(LARGE)}\nend`);
    expect(await exited).toEqual([7, null]);
  });
});

import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { MigrationOutput } from '../../../src/migration/migration-output.ts';
import { runInContext } from '../../helpers/process-context.ts';
import { test } from '../../helpers/unit/test.ts';

/** The output that the runner gets for these chunks, with the commands that stop and resume commands. */
async function relayOutput(chunks: readonly (string | Buffer)[]): Promise<string> {
  let printed = '';
  const onOutput = (text: string): void => {
    printed += text;
  };
  await runInContext({ env: {}, onOutput }, async () => {
    const output = new MigrationOutput();
    await output.stopCommands();
    await output.relay(Readable.from(chunks.map((chunk) => Buffer.from(chunk as string))));
    await output.resumeCommands();
  });
  return printed;
}

/** The parts between a `::stop-commands::` and its token, and the text outside of them. */
function parseRelayedOutput(printed: string): {
  readonly stopped: readonly string[];
  readonly outside: readonly string[];
} {
  const stopped: string[] = [];
  const outside = printed.split(/::stop-commands::(\S+)\n([\s\S]*?)::\1::\n/);
  // `split` returns the captured token and text between the pieces.
  for (let i = 2; i < outside.length; i += 3) stopped.push(outside[i] ?? '');
  return { stopped, outside: outside.filter((_, i) => i % 3 === 0) };
}

const splitAt = (bytes: Buffer, cuts: readonly number[]): readonly Buffer[] => {
  const points = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return points.slice(1).map((point, i) => bytes.subarray(points[i], point));
};

describe('the output of a migration', () => {
  test('is relayed unchanged, regardless of how its chunks are split', async () => {
    const pieces = fc.constantFrom(
      'é',
      '🐘',
      '\n',
      '\r\n',
      '\r',
      '::error::x',
      '\u001b[31mred',
      'plain ',
      '::',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(pieces), fc.array(fc.nat()), async (words, cuts) => {
        const text = words.join('');
        const { stopped, outside } = parseRelayedOutput(await relayOutput(splitAt(Buffer.from(text), cuts)));
        expect(stopped).toEqual([`${text}\n`]);
        expect(outside).toEqual(['', '']);
      }),
    );
  });

  test('contains no command except add-mask, regardless of how its chunks are split', async () => {
    const text =
      'before\n::add-mask::s3cret%0Atwo\nbetween\r  ::ADD-MASK a=b::other\nx ##[add-mask]third\n::error::no\n::add-mask::';
    const expected = ['before\n', 'between\r', '', '::error::no\n::add-mask::\n'];
    for (let cut = 0; cut <= text.length; cut += 1) {
      const { stopped, outside } = parseRelayedOutput(await relayOutput(splitAt(Buffer.from(text), [cut])));
      expect(stopped).toEqual(expected);
      expect(outside).toEqual([
        '',
        '::add-mask::s3cret%0Atwo\n',
        '::ADD-MASK a=b::other\n',
        '##[add-mask]third\n',
        '',
      ]);
    }
  });

  test('has another token for each stopped part', async () => {
    const printed = await relayOutput(['::add-mask::one\n::add-mask::two\n']);
    const tokens = [...printed.matchAll(/::stop-commands::(\S+)\n/g)].map(([, token]) => token);
    expect(new Set(tokens).size).toBe(3);
  });

  test('is parsed in time linear to the length of a line', async () => {
    // With quadratic time this would take hours.
    const line = `${'##[add-mask '.repeat(80_000)}${'::add-mask ::'.repeat(1000)}\n`;
    expect(parseRelayedOutput(await relayOutput([line])).stopped).toEqual([`${line}\n`]);
  });

  test('may end with an add-mask without a line ending', async () => {
    expect(parseRelayedOutput(await relayOutput(['::add-mask::end'])).outside).toEqual([
      '',
      '::add-mask::end\n',
      '',
    ]);
  });

  test('with a very long line is relayed in parts, and no part is parsed as the beginning of a line', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    const { stopped, outside } = parseRelayedOutput(
      await relayOutput([megabyte, 'y', '::add-mask::no', '\n::add-mask::yes\n']),
    );
    expect(stopped).toEqual([`${megabyte}y::add-mask::no\n`, '\n']);
    expect(outside).toEqual(['', '::add-mask::yes\n', '']);
  });
});

import { describe, expect, test } from 'vitest';
import {
  ActionError,
  actionError,
  addSubject,
  type ErrorCode,
  errorCatalog,
  getErrorMessage,
} from '../../../src/common/errors.ts';
import { exampleError, exampleParameters } from '../../helpers/unit/example-errors.ts';

const azure = {
  code: 'ServerIsBusy',
  message: 'It is busy.',
  correlationId: 'c0ffee00-0000-4000-8000-000000000001',
};

const codes = Object.keys(errorCatalog) as ErrorCode[];

describe('an error states what happened, what to do, and Azure’s own code and correlation id', () => {
  test.each(codes)('%s', (code) => {
    const error = exampleError(code);
    expect(error).toBeInstanceOf(ActionError);
    expect(error.code).toBe(code);
    const [summary = '', hint = ''] = error.message.split('\nWhat to do: ');
    expect(summary).toBe(error.summary);
    expect(hint.startsWith(error.hint)).toBe(true);
    expect(error.message.endsWith(`(${code})`)).toBe(true);
    for (const text of [error.summary.split('\n')[0], error.hint]) expect(text).toMatch(/^\S.{10,}/s);
    expect(error.message).not.toMatch(/undefined|\[object/);
  });

  test.each(codes)('%s contains all of its parameters', (code) => {
    const { message } = exampleError(code);
    for (const value of Object.values(exampleParameters[code]).flat())
      expect(message).toContain(value instanceof Error ? value.message : String(value));
  });

  test.each(codes)('%s contains Azure’s code, message and correlation id if Azure returned them', (code) => {
    const { message } = exampleError(code, { azure });
    expect(message).toContain('Azure error: ServerIsBusy: It is busy.');
    expect(message).toContain(`Correlation id: ${azure.correlationId}`);
    expect(exampleError(code).message).not.toMatch(/Azure error|Correlation id/);
  });

  test('an empty code of Azure is shown as (no code)', () => {
    const { message } = exampleError('azure-request-failed', {
      azure: { code: '', message: 'Server X is busy.' },
    });
    expect(message).toContain('Azure error: (no code): Server X is busy.');
    expect(message).not.toContain('Correlation id');
  });

  test('the error has the cause, for the debug log', () => {
    const cause = new Error('x');
    expect(exampleError('unexpected', { cause }).cause).toBe(cause);
  });
});

test('any thrown value has a message', () => {
  expect(getErrorMessage(new Error('a'))).toBe('a');
  expect(getErrorMessage('b')).toBe('b');
  expect(getErrorMessage(undefined)).toBe('undefined');
  expect(getErrorMessage(new AggregateError([new Error('one'), new Error('two')]))).toBe('one; two');
});

describe('a wrapped error keeps its causes', () => {
  test.each<readonly [error: unknown, message: string]>([
    [
      new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }),
      'fetch failed: connect ECONNREFUSED',
    ],
    [new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a: b: c'],
    [new Error('a: b', { cause: new Error('b') }), 'a: b'],
    [new AggregateError([new Error('one'), new Error('two')], 'all failed'), 'all failed: one: two'],
    [new Error('', { cause: new AggregateError([new Error('one'), new Error('two')]) }), 'one: two'],
    [Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new RangeError(''), 'RangeError'],
  ])('%s: %s', (error, message) => {
    expect(getErrorMessage(error)).toBe(message);
  });

  test('without the hint of an ActionError inside, and without its causes, which its summary contains', () => {
    const inner = actionError('unexpected', { reason: 'why' }, { cause: new Error('innermost') });
    expect(getErrorMessage(new Error('a', { cause: inner }))).toBe('a: Unexpected error: why');
  });

  test('also in a cycle and in a long chain', () => {
    const cycle = new Error('a');
    cycle.cause = new Error('b', { cause: cycle });
    expect(getErrorMessage(cycle)).toBe('a: b');
    let long = new Error('0');
    for (let i = 1; i < 1000; i += 1) long = new Error(`<${i}>`, { cause: long });
    expect(getErrorMessage(long)).toMatch(/^<999>: <998>: .*: <980>$/);
  });
});

test('an error in a list has its subject in front, and keeps code, hint and Azure’s answer', () => {
  const error = addSubject("pull request #42, role 'x'", exampleError('login-failed', { azure }));
  expect(error).toMatchObject({ code: 'login-failed', azure, hint: 'Do advice-a, please.' });
  expect(error.message).toMatch(/^pull request #42, role 'x': The login .*\(login-failed\)$/s);
  expect(addSubject('rule x', new Error('why')).message).toBe('rule x: why');
});

/** The parameters of an entry with long and unprintable strings, those in lists included. */
function toHostileText(value: unknown): unknown {
  if (typeof value === 'string') return `${value}\u001b[31m\0${' x'.repeat(1_700_000)}`;
  if (Array.isArray(value)) return new Array(1000).fill(toHostileText(value[0]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, toHostileText(each)]));
}

describe('an error has a limited length, regardless of its parameters', () => {
  test.each(codes)('%s', (code) => {
    const parameters = toHostileText(exampleParameters[code]) as (typeof exampleParameters)[typeof code];
    const options = { azure: toHostileText(azure) as typeof azure };
    const error = actionError(code, parameters, options);
    expect(error.message.length).toBeLessThan(110_000);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test searches for them
    expect(error.message).not.toMatch(/[\0-\x08\x0b-\x1f]/);
    expect(error.azure?.message).toContain('(3,400,017 characters in all)');
    expect(error.message.endsWith(`(${code})`)).toBe(true);
    expect(error.message).toContain('\nWhat to do: ');
  });

  test('the message of any thrown value has a limited length too', () => {
    const long = 'x'.repeat(3_400_000);
    for (const thrown of [new Error(long), long, { long }, new AggregateError([new Error(long)])])
      expect(getErrorMessage(thrown).length).toBeLessThan(1100);
  });

  test('the message of a wrapped ActionError includes the hint', () => {
    const inner = actionError('azure-request-failed', { doing: 'x', hint: 'Do this.' }, { azure });
    expect(getErrorMessage(inner)).toBe(inner.message);
  });
});

describe('lines that users have to act on are complete', () => {
  const lines = Array.from(
    { length: 8 },
    (_, n) => `in database 'copy_${n}': ${'table public.trips, '.repeat(20)}end ${n}`,
  );
  const dropError = actionError('drop-failed', {
    what: 'Role x',
    reason: 'these belong to it:',
    lines,
    hint: 'Run:',
    statements: lines.map((_, n) => `ROLLBACK PREPARED 'transaction ${n} ${'a b '.repeat(40)}';`),
  });

  test('every line and every statement of a failed drop', () => {
    for (const line of lines) expect(dropError.message).toContain(line);
    for (let n = 0; n < 8; n += 1)
      expect(dropError.message).toContain(`'transaction ${n} ${'a b '.repeat(40)}';`);
  });

  test('each line has a limited length, and their number is limited', () => {
    const long = Array.from({ length: 105 }, () => 'long '.repeat(10_000));
    const { message } = actionError('drop-failed', { what: 'x', reason: 'y', lines: long, hint: 'z' });
    expect(message).toContain('… and 65 more');
    expect(message.length).toBeLessThan(50_000);
  });

  test.each(['sweep-incomplete', 'roles-failed'] as const)('%s: every error is complete', (code) => {
    const { message } = actionError(code, { failures: [dropError, new Error('long '.repeat(1000))] });
    const flat = message.replaceAll('\n    ', '\n');
    expect(flat).toContain(dropError.message);
    expect(flat).toContain('(5,000 characters in all)');
  });
});

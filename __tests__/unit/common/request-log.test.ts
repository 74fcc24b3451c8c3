import { describe, expect, test } from 'vitest';
import { describeExchange } from '../../../src/common/request-log.ts';

const url = 'https://management.azure.com/subscriptions/1?api-version=2025-08-01&h=signature';
const respond = (headers: Record<string, string>) => ({
  response: { status: 200, headers: new Headers(headers) },
  durationMs: 123.4,
});

describe('a request in the debug log', () => {
  test('has its method, path, status, time and ids, and no query', () => {
    const headers = { 'x-ms-request-id': 'a-1', 'x-ms-correlation-request-id': 'b-2', 'set-cookie': 's' };
    expect(describeExchange('GET', url, respond(headers))).toBe(
      'GET management.azure.com/subscriptions/1: HTTP 200 after 123 ms, x-ms-request-id a-1, x-ms-correlation-request-id b-2',
    );
    expect(describeExchange('POST', url, respond({ 'x-github-request-id': 'c:3' }))).toMatch(
      /: HTTP 200 after 123 ms, x-github-request-id c:3$/,
    );
  });

  test('without a response says so, and without ids names none', () => {
    expect(describeExchange('GET', url, { response: undefined, durationMs: 30_000 })).toBe(
      'GET management.azure.com/subscriptions/1: no response after 30000 ms',
    );
    expect(describeExchange('GET', url, respond({}))).toMatch(/after 123 ms$/);
  });

  test('has a limited length, and does not hide the error of an invalid URL', () => {
    const long = `https://host/${'a'.repeat(5000)}`;
    expect(
      describeExchange('GET', long, respond({ 'x-ms-request-id': 'b'.repeat(5000) })).length,
    ).toBeLessThan(1200);
    expect(describeExchange('GET', '/relative', { response: undefined, durationMs: 1 })).toBe(
      'GET an invalid URL: no response after 1 ms',
    );
  });

  test('does not show a user and a password in the URL', () => {
    expect(describeExchange('GET', 'https://user:secret@host/a', respond({}))).toBe(
      'GET host/a: HTTP 200 after 123 ms',
    );
  });
});

import { describe, expect, test } from 'vitest';
import { describeRequest } from '../../../src/common/request-log.ts';

const url = 'https://management.azure.com/subscriptions/1?api-version=2025-08-01&h=signature';
const respond = (headers: Record<string, string>) => ({
  response: { status: 200, headers: new Headers(headers) },
  durationMs: 123.4,
});

describe('a request in the debug log', () => {
  test('has its method, path, status, time and ids, and no query', () => {
    const headers = { 'x-ms-request-id': 'a-1', 'x-ms-correlation-request-id': 'b-2', 'set-cookie': 's' };
    expect(describeRequest('GET', url, respond(headers))).toBe(
      'GET management.azure.com/subscriptions/1: HTTP 200 after 123 ms, x-ms-request-id a-1, x-ms-correlation-request-id b-2',
    );
    expect(describeRequest('POST', url, respond({ 'x-github-request-id': 'c:3' }))).toMatch(
      /: HTTP 200 after 123 ms, x-github-request-id c:3$/,
    );
  });

  test('without a response says so, and without ids names none', () => {
    expect(describeRequest('GET', url, { response: undefined, durationMs: 30_000 })).toBe(
      'GET management.azure.com/subscriptions/1: no response after 30000 ms',
    );
    expect(describeRequest('GET', url, respond({}))).toMatch(/after 123 ms$/);
  });

  test('does not show a user and a password in the URL', () => {
    expect(describeRequest('GET', 'https://user:secret@host/a', respond({}))).toBe(
      'GET host/a: HTTP 200 after 123 ms',
    );
  });
});

import { RestError } from '@azure/core-rest-pipeline';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  azureDetails,
  OperationFailedError,
  toAzureError,
  tryRead,
} from '../../../src/azure/azure-errors.ts';
import { actionError } from '../../../src/common/errors.ts';
import { present } from '../../../src/reconcile/findings.ts';
import { createArmError } from '../../helpers/unit/arm-error.ts';
import { errorOf } from '../../helpers/unit/test-run.ts';

const correlationId = 'c0ffee00-0000-4000-8000-000000000001';
const observeFailure = (error: unknown) => tryRead("server 'demo'", () => Promise.reject(error));

describe('the code and correlation id of Azure', () => {
  test('are those of the response that rejects a request', () => {
    const error = createArmError(409, {
      code: 'MissingSubscriptionRegistration',
      message: 'The subscription is not registered.',
    });
    expect(azureDetails(error)).toEqual({
      code: 'MissingSubscriptionRegistration',
      message: 'The subscription is not registered.',
      status: 409,
      wasRejected: true,
      correlationId,
    });
    const { message } = toAzureError('creating a server', error);
    expect(message).toContain('while creating a server');
    expect(message).toContain(
      'Azure error: MissingSubscriptionRegistration: The subscription is not registered.',
    );
    expect(message).toContain(`Correlation id: ${correlationId}`);
    expect(message).toContain('az provider register');
  });

  test('are without a code, but with a status, for a response without a body', () => {
    expect(azureDetails(createArmError(502))).toMatchObject({ code: '', status: 502, correlationId });
  });

  test('are undefined for an error that Azure did not answer', () => {
    expect(azureDetails(new RestError('getaddrinfo ENOTFOUND', { code: 'ENOTFOUND' }))).toBeUndefined();
    expect(azureDetails(new Error('x'))).toBeUndefined();
    expect(azureDetails(undefined)).toBeUndefined();
    const { message } = toAzureError(
      'listing',
      new RestError('getaddrinfo ENOTFOUND', { code: 'ENOTFOUND' }),
    );
    expect(message).toContain('getaddrinfo ENOTFOUND');
    expect(message).toContain('network of the runner');
  });

  test('are kept for an operation that failed later, and for an ActionError', () => {
    const azure = { code: 'ServerIsBusy', message: 'busy', correlationId };
    expect(azureDetails(new OperationFailedError(azure))).toBe(azure);
    const known = actionError('azure-request-failed', { doing: 'x', hint: 'y' }, { azure });
    expect(azureDetails(known)).toEqual(azure);
    expect(toAzureError('z', known)).toBe(known);
  });

  test('are not added to an abort, so that the reason of the run is reported', () => {
    const abort = new DOMException('aborted', 'AbortError');
    expect(toAzureError('x', abort)).toBe(abort);
  });
});

describe('unknown is never treated as absent', () => {
  test.each(['ResourceNotFound', 'ResourceGroupNotFound'])('404 %s is absent', async (code) => {
    expect(await observeFailure(createArmError(404, { code, message: 'was not found' }))).toEqual({
      status: 'absent',
    });
  });

  test.each([
    [404, { code: 'SubscriptionNotFound', message: 'x' }],
    [404, { code: 'InvalidResourceType', message: 'x' }],
    [404, { code: 'NotFound', message: 'x' }],
    [404, undefined],
    [403, { code: 'AuthorizationFailed', message: 'x' }],
    [403, { code: 'ResourceNotFound', message: 'x' }],
    [401, { code: 'InvalidAuthenticationToken', message: 'x' }],
    [400, { code: 'ServerStoppedError', message: 'x' }],
    [409, { code: 'ServerIsBusy', message: 'x' }],
    [429, { code: 'SubscriptionRequestsThrottled', message: 'x' }],
    [500, { code: 'InternalServerError', message: 'x' }],
    [503, undefined],
  ])('%d %o is unknown', async (status, error) => {
    const result = await observeFailure(createArmError(status, error));
    expect(result).toMatchObject({ status: 'unknown' });
    expect(result.status === 'unknown' && result.error.message).toContain(
      'never creates or deletes a resource whose state is unknown',
    );
  });

  test('only the two codes of a 404 mean absent, and every other answer is unknown', async () => {
    const code = fc.oneof(
      fc.constantFrom('ResourceNotFound', 'ResourceGroupNotFound', 'NotFound'),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 400, max: 599 }), code, async (status, name) => {
        const { status: result } = await observeFailure(createArmError(status, { code: name, message: 'm' }));
        const isAbsent = status === 404 && (name === 'ResourceNotFound' || name === 'ResourceGroupNotFound');
        expect(result).toBe(isAbsent ? 'absent' : 'unknown');
      }),
    );
  });

  test('a broken connection or a timeout is unknown', async () => {
    for (const error of [new RestError('reset', { code: 'ECONNRESET' }), new Error('timeout'), 'text']) {
      expect(await observeFailure(error)).toMatchObject({ status: 'unknown' });
    }
  });

  test('a resource that is read is present', async () => {
    expect(await tryRead('x', async () => present(1))).toEqual({ status: 'present', value: 1 });
  });

  test('an ActionError and the end of the run are thrown', async () => {
    for (const error of [
      actionError('server-ambiguous', { server: 'x', groups: ['a', 'b'] }),
      new DOMException('x', 'AbortError'),
    ]) {
      expect(await errorOf(observeFailure(error))).toBe(error);
    }
  });
});

import { describe, expect, test } from 'vitest';
import { azureHint, isBusyCode } from '../../../src/azure/hints.ts';

const fallbackHint = azureHint({ code: 'NobodyKnowsThis', message: '' });

describe('what to do', () => {
  test.each([
    ['AuthorizationFailed', /role/],
    ['MissingSubscriptionRegistration', /az provider register --namespace Microsoft\.DBforPostgreSQL/],
    ['LocationIsOfferRestricted', /another region.*quota/],
    ['ServerNameAlreadyExists', /server-name/],
    ['ServerGroupDropping', /server-name/],
    ['ParameterOutOfRange', /region/],
    ['SubscriptionRequestsThrottled', /throttles/],
    ['ServerStoppedError', /start-if-stopped/],
    ['ServerIsBusy', /again/],
    ['ServerBusy', /again/],
    ['InternalServerError', /password/],
    ['ResourceGroupNotFound', /resource-group/],
  ])('%s has an advice of its own', (code, says) => {
    const advice = azureHint({ code, message: '' });
    expect(advice).toMatch(says);
    expect(advice).not.toBe(fallbackHint);
  });

  test('an unknown code is advised by its status, and without one by what Azure names', () => {
    expect(azureHint({ code: 'X', message: '', status: 403 })).toMatch(/role/);
    expect(azureHint({ code: 'X', message: '', status: 429 })).toMatch(/throttles/);
    expect(azureHint({ code: '', message: '', status: 418 })).toBe(fallbackHint);
    expect(fallbackHint).toMatch(/what Azure names/);
  });

  test('no code of Azure’s reaches into the language: constructor, __proto__', () => {
    for (const code of ['constructor', '__proto__', 'toString'])
      expect(azureHint({ code, message: '' })).toBe(fallbackHint);
  });
});

describe('busy: what passes by waiting', () => {
  test.each(['ServerIsBusy', 'ServerBusy', 'SeverBusyWithOtherOperation'])('%s', (code) => {
    expect(isBusyCode(code)).toBe(true);
  });

  test.each([
    '',
    'InternalServerError',
    'ServerIsNotReady',
    'LocationIsOfferRestricted',
    'ServerGroupDropping',
    'serverisbusy ',
  ])('not %j', (code) => {
    expect(isBusyCode(code)).toBe(false);
  });
});

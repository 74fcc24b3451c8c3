import { describe, expect, test } from 'vitest';
import { adviceFor, isBusy } from '../../../src/azure/advice.ts';

const fallback = adviceFor({ code: 'NobodyKnowsThis', message: '' });

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
    const advice = adviceFor({ code, message: '' });
    expect(advice).toMatch(says);
    expect(advice).not.toBe(fallback);
  });

  test('an unknown code is advised by its status, and without one by what Azure names', () => {
    expect(adviceFor({ code: 'X', message: '', status: 403 })).toMatch(/role/);
    expect(adviceFor({ code: 'X', message: '', status: 429 })).toMatch(/throttles/);
    expect(adviceFor({ code: '', message: '', status: 418 })).toBe(fallback);
    expect(fallback).toMatch(/what Azure names/);
  });

  test('no code of Azure’s reaches into the language: constructor, __proto__', () => {
    for (const code of ['constructor', '__proto__', 'toString'])
      expect(adviceFor({ code, message: '' })).toBe(fallback);
  });
});

describe('busy: what passes by waiting', () => {
  test.each(['ServerIsBusy', 'ServerBusy', 'SeverBusyWithOtherOperation'])('%s', (code) => {
    expect(isBusy(code)).toBe(true);
  });

  test.each([
    '',
    'InternalServerError',
    'ServerIsNotReady',
    'LocationIsOfferRestricted',
    'ServerGroupDropping',
    'serverisbusy ',
  ])('not %j', (code) => {
    expect(isBusy(code)).toBe(false);
  });
});

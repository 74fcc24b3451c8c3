import { describe, expect, test } from 'vitest';
import { azureHint, isBusyCode } from '../../../src/azure/hints.ts';

const doing = 'creating server';
const fallbackHint = azureHint({ code: 'NobodyKnowsThis', message: '' }, doing);

describe('the hint for an error', () => {
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
  ])('names what to do for %s', (code, pattern) => {
    const hint = azureHint({ code, message: '' }, doing);
    expect(hint).toMatch(pattern);
    expect(hint).not.toBe(fallbackHint);
  });

  test.each<[code: string, doing: string, advice: RegExp, notThis: RegExp]>([
    ['InternalServerError', "reading server 'x'", /is Ready.*run the workflow again/, /password/],
    ['ScopeLocked', "updating tags of server 'x'", /read-only lock/, /rule/],
    ['ScopeLocked', "creating firewall rule 'x'", /exists before the lock/, /deletion/],
    ['ScopeLocked', "deleting firewall rule 'x'", /lock against deletion.*allowed-ip-ranges/, /read-only/],
    ['AuthorizationFailed', "creating resource group 'x'", /Create it.*or .* subscription/, /server's/],
  ])('for %s follows from what failed: %s', (code, failed, advice, notThis) => {
    const hint = azureHint({ code, message: '' }, failed);
    expect(hint).toMatch(advice);
    expect(hint).not.toMatch(notThis);
  });

  test('follows from the status if the code is unknown, and otherwise refers to what Azure reports', () => {
    expect(azureHint({ code: 'X', message: '', status: 403 }, doing)).toMatch(/role/);
    expect(azureHint({ code: 'X', message: '', status: 429 }, doing)).toMatch(/throttles/);
    expect(azureHint({ code: '', message: '', status: 418 }, doing)).toBe(fallbackHint);
    expect(fallbackHint).toMatch(/what Azure reports/);
  });

  test('is the fallback for codes that are properties of every object, such as constructor', () => {
    for (const code of ['constructor', '__proto__', 'toString'])
      expect(azureHint({ code, message: '' }, doing)).toBe(fallbackHint);
  });
});

describe('the code of a busy server', () => {
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

import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { deleteLiveGroup, requireNewGroup } from '../../../scripts/live/azure.ts';
import { type Exchange, sanitizeExchange } from '../../../scripts/live/sanitize-exchange.ts';
import { encodedVariants } from '../../../src/github/encoded-variants.ts';
import { test } from '../../helpers/unit/test.ts';

const subscription = '11111111-2222-4333-8444-555555555555';
const group = `/subscriptions/${subscription}/resourceGroups/gha-live-1`;
const server = `${group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/gha-live-1`;
const names = { subscription, server: 'gha-live-1' };

const exchange: Exchange = {
  service: 'arm',
  at: '2026-11-26T12:00:00.000Z',
  durationMs: 12.4,
  method: 'GET',
  url: `https://management.azure.com${server}?api-version=2025-08-01`,
  requestBody: '',
  status: 200,
  headers: {},
  responseBody: '',
};

const sanitize = (change: Partial<Exchange>, secrets: readonly string[] = []) =>
  JSON.parse(sanitizeExchange({ ...exchange, ...change }, { names, secrets }));

const bodyOf = (body: unknown) => sanitize({ responseBody: JSON.stringify(body) }).body;

describe('a recorded exchange', () => {
  test('has the method, the path, the status and the members of the body in their order', () => {
    const responseBody = JSON.stringify({
      name: 'gha-live-1',
      properties: { state: 'Ready', iops: 120, list: [] },
    });
    expect(JSON.stringify(sanitize({ responseBody }))).toBe(
      JSON.stringify({
        service: 'arm',
        at: '2026-11-26T12:00:00.000Z',
        durationMs: 12,
        method: 'GET',
        path: '/subscriptions/{subscription}/resourceGroups/{server}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{server}?api-version=2025-08-01',
        requestBody: null,
        status: 200,
        headers: {},
        body: { name: '{server}', properties: { state: 'Ready', iops: 120, list: [] } },
      }),
    );
  });

  test('has the headers that facts are about, and no others', () => {
    const headers = {
      'retry-after': '60',
      'x-ms-request-id': '99999999-2222-4333-8444-555555555555',
      'set-cookie': ['session=1'],
      'x-ms-ratelimit-remaining-subscription-reads': '249',
      location: `https://management.azure.com${group}/providers/P/locations/westeurope/operationResults/abc?api-version=2025-08-01&t=639&c=MIIH&s=sig&h=hash`,
    };
    expect(sanitize({ headers }).headers).toEqual({
      'retry-after': '60',
      'x-ms-ratelimit-remaining-subscription-reads': '249',
      location:
        'https://management.azure.com/subscriptions/{subscription}/resourceGroups/{server}/providers/P/locations/westeurope/operationResults/{operation}?api-version=2025-08-01&t={value}&c={value}&s={value}&h={value}',
    });
  });

  test.for([
    ['99999999-2222-4333-8444-555555555555 and AAAAAAAA-2222-4333-8444-555555555555', '{guid} and {guid}'],
    ['Client 203.0.113.9, 2001:db8:0:1::7', 'Client {address}, {address}'],
    ['0.0.0.0 to 255.255.255.255', '0.0.0.0 to 255.255.255.255'],
    [
      'gha-temporary-4711-1-1-abc in gha-kept-4711-20261126-203-0-113-9',
      'gha-temporary-{ids} in gha-kept-{ids}',
    ],
    ['allow-203-0-113-9', 'allow-{address}'],
    ['ada.lovelace@contoso.onmicrosoft.com', '{principal}'],
    ['eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiIxIn0.sig_-', '{token}'],
    ['GHA-LIVE-1.postgres.database.azure.com', '{server}.postgres.database.azure.com'],
    ['2026-11-26T13:40:12.832Z', '2026-11-26T13:40:12.832Z'],
  ] as const)('has %j as %j', ([text, expected]) => {
    expect(bodyOf({ message: text, [text]: 1 })).toEqual({ message: expected, [expected]: 1 });
  });

  test('has no principals, and no values of members that are named like secrets', () => {
    const body = {
      systemData: { createdBy: 'Ada', lastModifiedBy: 'Ada', createdAt: 'now' },
      administratorLoginPassword: 'x',
      authConfig: { passwordAuth: 'Enabled' },
      properties: { primaryKeyCredential: 'x', accessToken: 'x', clientSecret: 'x' },
    };
    expect(bodyOf(body)).toEqual({
      systemData: { createdBy: '{principal}', lastModifiedBy: '{principal}', createdAt: 'now' },
      administratorLoginPassword: '{removed}',
      authConfig: { passwordAuth: 'Enabled' },
      properties: { primaryKeyCredential: '{removed}', accessToken: '{removed}', clientSecret: '{removed}' },
    });
  });

  test('has nothing of the resources of other groups', () => {
    const other = `/subscriptions/${subscription}/resourceGroups/payroll/providers/X/flexibleServers/salaries`;
    const value = [
      { id: server, name: 'gha-live-1' },
      { id: other, name: 'salaries', tags: { owner: 'ada' } },
    ];
    expect(bodyOf({ value })).toMatchObject({ value: [{ name: '{server}' }, '{resource of another group}'] });
    expect(JSON.stringify(bodyOf({ message: `No access to ${other}`, value }))).not.toMatch(/payroll|ada/);
  });

  test('has nothing that Entra gets, and only facts of what Entra answers', () => {
    const sanitized = sanitize({
      service: 'entra',
      url: 'https://login.microsoftonline.com/common/oauth2/v2.0/token?client-request-id=1',
      requestBody: 'client_assertion=eyJ0.eyJ1.x&grant_type=client_credentials',
      responseBody: JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: 'opaque' }),
    });
    expect(sanitized).toMatchObject({ requestBody: null, body: { token_type: 'Bearer', expires_in: 3599 } });
    expect(JSON.stringify(sanitized)).not.toMatch(/assertion|access_token|opaque/);
    const refused = { error: 'invalid_client', error_codes: [700213], error_description: 'subject repo:x/y' };
    const { body } = sanitize({ service: 'entra', status: 401, responseBody: JSON.stringify(refused) });
    expect(body).toEqual({ error: 'invalid_client', error_codes: [700213] });
  });

  test('has the length of a body that is not JSON', () => {
    expect(sanitize({ responseBody: '<html>é</html>' }).body).toBe('{15 bytes that are not JSON}');
  });

  test('has no secret in any place and in any encoding', () => {
    // Longer than the words of the recording itself.
    const secrets = fc
      .string({ unit: 'grapheme', minLength: 12, maxLength: 40 })
      .filter((s) => s.trim().length >= 12);
    const place = fc.constantFrom<(planted: string) => Partial<Exchange>>(
      (planted) => ({ url: `${exchange.url}&x=${encodeURIComponent(planted.toWellFormed())}` }),
      (planted) => ({
        url: `https://management.azure.com/${encodeURIComponent(planted.toWellFormed())}?api-version=1`,
      }),
      (planted) => ({ headers: { location: planted, 'x-ms-failure-cause': planted, other: planted } }),
      (planted) => ({ requestBody: JSON.stringify({ [planted]: planted, list: [`before ${planted}`] }) }),
      (planted) => ({ responseBody: JSON.stringify({ error: { message: `${planted} after` } }) }),
      (planted) => ({ responseBody: planted }),
      (planted) => ({ service: 'entra', responseBody: JSON.stringify({ error: planted }) }),
      (planted) => ({ method: planted }),
    );
    fc.assert(
      fc.property(secrets, place, fc.nat(), (secret, plant, index) => {
        const variants = [...encodedVariants(secret), Buffer.from(secret).toString('base64')];
        const line = sanitizeExchange(
          { ...exchange, ...plant(variants[index % variants.length] ?? secret) },
          { names, secrets: [secret] },
        );
        expect(variants.filter((variant) => line.includes(variant))).toEqual([]);
        expect(JSON.parse(line)).toMatchObject({ service: expect.any(String), at: exchange.at });
      }),
      { numRuns: 50 },
    );
  });
});

describe('a live run', () => {
  test.for(['production', '', 'my-gha-live-1'])(
    'uses and deletes no resource group of another name: %j',
    async (name) => {
      for (const use of [requireNewGroup, deleteLiveGroup])
        await expect(use(name)).rejects.toThrow('is not the resource group of a live run');
    },
  );
});

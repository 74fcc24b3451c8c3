import { expect, test } from 'vitest';
import { ambientHint } from '../../../src/azure/credentials.ts';

test.each<[missing: string, given: Parameters<typeof ambientHint>[0], advice: string]>([
  [
    'the right to request a token',
    { clientId: 'c', tenantId: 't', canRequestIdToken: false },
    'add `permissions: id-token: write` to the job.',
  ],
  ['the tenant', { clientId: 'c', tenantId: undefined, canRequestIdToken: true }, 'set tenant-id.'],
  [
    'all',
    { clientId: undefined, tenantId: undefined, canRequestIdToken: false },
    'add `permissions: id-token: write` to the job and set client-id and tenant-id.',
  ],
])('without secret and OIDC, the advice names what is missing alone: %s', (_, given, advice) => {
  expect(ambientHint(given)).toContain(`For OpenID Connect, ${advice} Or`);
});

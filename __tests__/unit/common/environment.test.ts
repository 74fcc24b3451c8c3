import { expect, test } from 'vitest';
import { removeUnsafeVariables } from '../../../src/common/environment.ts';

test('what redirects secrets, weakens TLS or breaks the driver is removed and returned, and nothing else', () => {
  const removed = {
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    NODE_PG_FORCE_NATIVE: '1',
    PGHOST: 'db.example',
    PGSSLMODE: 'no-verify',
    PGFALLBACK_APPLICATION_NAME: 'app',
    pgconnect_timeout: '1',
    AZURE_REGIONAL_AUTHORITY_NAME: 'evil.example/',
    MSAL_FORCE_REGION: 'evil.example/',
  };
  const kept = { PATH: '/bin', PG: '', PG_DUMP: 'x', PGP: '', AZURE_CLIENT_ID: 'id', MY_PGHOST: 'mine' };
  const env: NodeJS.ProcessEnv = { ...removed, ...kept };
  expect(removeUnsafeVariables(env)).toEqual({ ...removed, PGP: '' });
  const { PGP: _, ...left } = kept;
  expect(env).toEqual(left);
});

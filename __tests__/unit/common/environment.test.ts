import { expect, test } from 'vitest';
import { removeUnsafeVariables } from '../../../src/common/environment.ts';

test('only variables that redirect secrets, weaken TLS or break the driver are removed and returned', () => {
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
  const others = { PATH: '/bin', PG: '', PG_DUMP: 'x', PGP: '', AZURE_CLIENT_ID: 'id', MY_PGHOST: 'mine' };
  const env: NodeJS.ProcessEnv = { ...removed, ...others };
  expect(removeUnsafeVariables(env)).toEqual({ ...removed, PGP: '' });
  const { PGP: _, ...remaining } = others;
  expect(env).toEqual(remaining);
});

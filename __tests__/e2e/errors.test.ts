import { describe, expect, test } from 'vitest';
import { useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';

const bench = useAzure();

describe('law 10: an error says what happened, what to do, and Azure’s own code and correlation id', () => {
  test('a refused request', async () => {
    const { azure } = bench;
    const body = {
      error: {
        code: 'AuthorizationFailed',
        message: 'The client X does not have authorization to perform action Y.',
      },
    };
    const headers = { 'x-ms-correlation-request-id': '0b5e7a6c-0000-4000-8000-000000000001' };
    await azure.fault(
      { service: 'arm', method: 'PUT', path: '/flexibleServers/' },
      { status: 403, headers, body },
    );
    const step = await new Job(azure).step({ ...tutorial, 'server-name': 'refused' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Azure refused while creating server 'refused'");
    expect(step.log).toContain('AuthorizationFailed: The client X does not have authorization');
    expect(step.log).toContain('Correlation id: 0b5e7a6c-0000-4000-8000-000000000001');
    expect(step.log).toContain('What to do: Give the identity a role');
    expect(step.summary).toContain('AuthorizationFailed');
  });

  test('an accepted operation that fails later, which the SDK reports without a code', async () => {
    const { azure } = bench;
    const message =
      "Subscriptions are restricted from provisioning in location 'westeurope'. Try again in a different location.";
    await azure.fault(
      { service: 'arm', method: 'PUT', path: '/flexibleServers/' },
      { operationFails: { code: 'LocationIsOfferRestricted', message } },
    );
    const step = await new Job(azure).step({ ...tutorial, 'server-name': 'restricted' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain(`LocationIsOfferRestricted: ${message}`);
    expect(step.log).toMatch(/Correlation id: [0-9a-f-]{36}/);
    expect(step.log).toContain('choose another region');
  });

  test('a sign-in that Entra refuses names its number and what helps', async () => {
    const { azure } = bench;
    const step = await new Job(azure).step({ ...tutorial, 'client-secret': 'not-the-secret' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('AADSTS7000215');
    expect(step.log).toContain('The client secret is wrong');
    expect(step.log).not.toContain('not-the-secret\n%0A');
  });
});

describe('faults of the inputs', () => {
  test('every fault that the inputs alone show is named in one error, before any request', async () => {
    const { azure } = bench;
    const step = await new Job(azure).step({
      mode: 'ensure',
      'server-name': 'Bad_Name',
      'admin-username': 'azure_superuser',
      'storage-size-gb': '33',
      'backup-retention-days': '3',
      'allowed-ip-ranges': '1.2.3.4-1.2.3.3\n300.1.1.1',
      'runner-ip': '10.0.0.1',
      'env-prefix': 'GITHUB_',
      formats: 'url, odbc',
      'ssl-mode': 'disable',
      database: '1st',
      'migration-command': 'true',
      'working-directory': 'nowhere',
      'per-pull-request': 'true',
    });
    expect(step.exitCode).toBe(1);
    const named = [
      'server-name',
      'admin-username',
      'admin-password',
      'storage-size-gb',
      'backup-retention-days',
      'allowed-ip-ranges',
      'runner-ip',
      'env-prefix',
      'formats',
      'ssl-mode',
      'database',
      'working-directory',
      'pull-request-number',
      'migration-command',
    ];
    for (const name of named) expect(step.log).toContain(`- ${name}`);
    expect(step.log).toContain('15 inputs are not usable');
    expect(await azure.requests()).toEqual([]);
  });

  test('faults that matter only to a creation are named together, before the first write', async () => {
    const { azure } = bench;
    const { region: _, ...withoutRegion } = tutorial;
    const step = await new Job(azure).step({
      ...withoutRegion,
      'server-name': 'not-there',
      'admin-password': 'short',
      'high-availability': 'ZoneRedundant',
    });
    expect(step.exitCode).toBe(1);
    for (const name of [
      'region is missing',
      'admin-password has 5 characters',
      'high-availability is ZoneRedundant',
    ]) {
      expect(step.log).toContain(name);
    }
    expect(
      (await azure.requests()).filter(({ service, method }) => service === 'arm' && method !== 'GET'),
    ).toEqual([]);
  });
});

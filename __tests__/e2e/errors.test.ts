import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';

describe('an error states what happened, what to do, and Azure’s own code and correlation id', () => {
  test('a rejected request', async ({ emulator }) => {
    const body = {
      error: {
        code: 'AuthorizationFailed',
        message: 'The client X does not have authorization to perform action Y.',
      },
    };
    const headers = { 'x-ms-correlation-request-id': '0b5e7a6c-0000-4000-8000-000000000001' };
    await emulator.addFault(
      { service: 'arm', method: 'PUT', path: '/flexibleServers/' },
      { status: 403, headers, body },
    );
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'rejected' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain("Azure returned an error while creating server 'rejected'");
    expect(step.log).toContain('AuthorizationFailed: The client X does not have authorization');
    expect(step.log).toContain('Correlation id: 0b5e7a6c-0000-4000-8000-000000000001');
    expect(step.log).toContain('What to do: Give the identity a role');
    expect(step.summary).toContain('AuthorizationFailed');
  });

  test('an accepted operation that fails later, whose error the SDK reports without a code', async ({
    emulator,
  }) => {
    const message =
      "Subscriptions are restricted from provisioning in location 'westeurope'. Try again in a different location.";
    await emulator.addFault(
      { service: 'arm', method: 'PUT', path: '/flexibleServers/' },
      { operationFails: { code: 'LocationIsOfferRestricted', message } },
    );
    const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': 'restricted' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain(`LocationIsOfferRestricted: ${message}`);
    expect(step.log).toMatch(/Correlation id: [0-9a-f-]{36}/);
    expect(step.log).toContain('choose another region');
  });

  test('a sign-in that Entra rejects: the error has its AADSTS number and a hint', async ({ emulator }) => {
    const step = await new Job(emulator).step({ ...defaultInputs, 'client-secret': 'not-the-secret' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('AADSTS7000215');
    expect(step.log).toContain('The client secret is wrong');
    expect(step.log).not.toContain('not-the-secret\n%0A');
  });
});

describe('a response of megabytes becomes a short error and summary', () => {
  const message = `\u001b[31m${'so much '.repeat(425_000)}`;
  const rejection = { status: 403, body: { error: { code: 'AuthorizationFailed', message } } };
  const requests = [
    ['reading the server', { service: 'arm', method: 'GET', path: '/flexibleServers' }, rejection],
    ['creating the server', { service: 'arm', method: 'PUT', path: '/flexibleServers/' }, rejection],
    [
      'an operation that fails later',
      { service: 'arm', method: 'PUT', path: '/flexibleServers/' },
      { operationFails: { code: 'LocationIsOfferRestricted', message } },
    ],
    [
      'signing in',
      { service: 'entra', method: 'POST', path: '/oauth2/' },
      { status: 400, body: { error: 'invalid_client', error_description: `AADSTS7000222: ${message}` } },
    ],
  ] as const;

  test.for(requests.map(([name, ...rest], i) => [name, ...rest, `huge-${i}`] as const))(
    '%s',
    async ([, match, then, server], { emulator }) => {
      await emulator.clearRecords();
      await emulator.addFault(match, then, { times: 9 });
      const step = await new Job(emulator).step({ ...defaultInputs, 'server-name': server });
      await emulator.clearRecords();
      expect(step.exitCode).toBe(1);
      expect(step.log).toContain('characters in all)');
      expect(step.log).toContain('What to do: ');
      expect(step.log).not.toContain('\u001b');
      expect(step.log.length + step.summary.length).toBeLessThan(100_000);
    },
  );
});

describe('invalid inputs', () => {
  test('all invalid inputs are listed in one error, before any request', async ({ emulator }) => {
    const step = await new Job(emulator).step({
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
    const listedInputs = [
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
    for (const name of listedInputs) expect(step.log).toContain(`- ${name}`);
    expect(step.log).toContain('15 inputs are invalid');
    expect(await emulator.requests()).toEqual([]);
  });

  test('inputs that are invalid for a new server are listed in one error, before the first write', async ({
    emulator,
  }) => {
    const { region: _, ...withoutRegion } = defaultInputs;
    const step = await new Job(emulator).step({
      ...withoutRegion,
      'server-name': 'missing',
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
    expect(await emulator.armWrites()).toEqual([]);
  });
});

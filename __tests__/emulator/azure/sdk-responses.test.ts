import { describe, expect } from 'vitest';
import type { JsonObject } from '../../../emulator/core/json.ts';
import { type ArmClient, sendControl } from '../../helpers/emulator/arm-client.ts';
import { testWith } from '../../helpers/emulator/azure-fixture.ts';
import type { HttpResponse } from '../../helpers/emulator/http-client.ts';
import { findOperation, loadSdkDeclarations } from '../../helpers/emulator/sdk-declarations.ts';
import { SdkValidator, undeclaredValues } from '../../helpers/emulator/sdk-validator.ts';

/**
 * The statuses in the specification (Azure/azure-rest-api-specs, Microsoft.DBforPostgreSQL 2025-08-01). The generated SDK
 * is less strict: it accepts 200, 201, 202 and 204 for every long-running operation.
 */
const documentedStatuses: Readonly<Record<string, readonly number[]>> = {
  GET: [200],
  POST: [200],
  PUT: [202],
  PATCH: [202],
  DELETE: [202, 204],
};

// With the real PostgreSQL, for its databases and parameters.
const test = testWith({}, 'real')
  .extend('sdk', { scope: 'file' }, loadSdkDeclarations)
  .extend('validator', { scope: 'file' }, async ({ sdk }) => new SdkValidator(sdk, undeclaredValues))
  .extend('server', { scope: 'file' }, async ({ arm }) => {
    await arm.createServer('demo-relecloud', { tags: { team: 'space' } });
    await arm.sendAndWait('PUT', arm.serverPath('demo-relecloud', '/firewallRules/office'), {
      properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.9' },
    });
    return (rest = '') => arm.serverPath('demo-relecloud', rest);
  });

describe('the answers match the SDK and the specification', () => {
  const location = (arm: ArmClient) =>
    `${arm.subscriptionPath}/providers/Microsoft.DBforPostgreSQL/locations/westeurope`;

  const get = test.extend(
    'expectGet',
    async ({ arm, sdk, validator }) =>
      async (path: string, status: number) => {
        const answer = await arm.send('GET', path);
        expect(answer.status).toBe(status);
        expect(validator.responseErrors(findOperation(sdk, 'GET', path), status, answer.json)).toEqual([]);
        if (status < 400) expect(documentedStatuses['GET']).toContain(status);
        return answer;
      },
  );

  get.for<[string, string, number]>([
    ['a server', '', 200],
    ['the capabilities of a server', '/capabilities', 200],
    ['a firewall rule', '/firewallRules/office', 200],
    ['a missing firewall rule', '/firewallRules/missing', 404],
    ['the firewall rules', '/firewallRules', 200],
    ['a database', '/databases/postgres', 200],
    ['the databases', '/databases', 200],
    ['a configuration', '/configurations/max_connections', 200],
    ['the configurations', '/configurations', 200],
  ])('GET of %s', async ([_what, rest, status], { expectGet, server }) => {
    await expectGet(server(rest), status);
  });

  get.for<[string, (arm: ArmClient) => string, number]>([
    ['a missing server', (arm) => arm.serverPath('missing'), 404],
    ['the list of a group', (arm) => arm.serverPath('x').replace('/x', ''), 200],
    [
      'the list of a subscription',
      (arm) => `${arm.subscriptionPath}/providers/Microsoft.DBforPostgreSQL/flexibleServers`,
      200,
    ],
    ['the capabilities of a location', (arm) => `${location(arm)}/capabilities`, 200],
  ])('GET of %s', async ([_what, path, status], { arm, expectGet, server }) => {
    expect(server()).toContain('demo-relecloud');
    await expectGet(path(arm), status);
  });

  get('GET of a server with all optional members', async ({ emulator, expectGet, server }) => {
    const change = (properties: JsonObject) =>
      sendControl(emulator, 'PATCH', 'state', { server: 'demo-relecloud', properties });
    const more = {
      cluster: { clusterSize: 2, defaultDatabaseName: 'stars' },
      highAvailability: { mode: 'ZoneRedundant' },
      authConfig: { activeDirectoryAuth: 'Enabled', tenantId: '11111111-2222-4333-8444-555555555555' },
      maintenanceWindow: { customWindow: 'Enabled', dayOfWeek: 5, startHour: 22 },
    };
    const path = server();
    await change(more);
    try {
      expect((await expectGet(path, 200)).json['properties']).toMatchObject(more);
    } finally {
      await change({ cluster: null, highAvailability: { mode: 'Disabled', standbyAvailabilityZone: null } });
    }
  });

  test.for([
    ['an available name', 'brand-new'],
    ['a used name', 'demo-relecloud'],
    ['an invalid name', 'Not_A_Name'],
  ] as const)(
    'checkNameAvailability of %s, in both forms',
    async ([_what, name], { arm, sdk, server, validator }) => {
      expect(server()).toContain('demo-relecloud');
      const body = { name, type: 'Microsoft.DBforPostgreSQL/flexibleServers' };
      const everywhere = location(arm).replace(/\/locations.*/, '/checkNameAvailability');
      for (const path of [`${location(arm)}/checkNameAvailability`, everywhere]) {
        const { status, json } = await arm.send('POST', path, body);
        expect(validator.responseErrors(findOperation(sdk, 'POST', path), status, json)).toEqual([]);
        expect(documentedStatuses['POST']).toContain(status);
      }
    },
  );

  /**
   * Expect an accepted write. The SDK declares the resource as the body of the 202, and not all headers. So the headers come
   * from the specification, and the body from recorded traffic.
   */
  function expectAccepted(answer: HttpResponse): void {
    expect(answer.status).toBe(202);
    expect(Object.keys(answer.json)).toEqual(['operation', 'startTime']);
    for (const name of ['azure-asyncoperation', 'location']) {
      expect(new URL(String(answer.headers[name])).protocol).toBe('https:');
    }
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
  }

  test.for<[string, string, string, JsonObject | undefined]>([
    ['a server', 'PATCH', '', { tags: { team: 'space' } }],
    ['a database', 'PUT', '/databases/relecloud', { properties: { charset: 'utf8' } }],
    [
      'a configuration',
      'PUT',
      '/configurations/work_mem',
      { properties: { value: '8192', source: 'user-override' } },
    ],
    ['a firewall rule', 'DELETE', '/firewallRules/office', undefined],
  ])(
    'a write of %s has the status and the headers of the specification',
    async ([_what, method, rest, body], { arm, sdk, server }) => {
      const answer = await arm.send(method, server(rest), body);
      const { responses } = findOperation(sdk, method, server(rest));
      expect(Object.keys(responses)).toContain(String(answer.status));
      expect(documentedStatuses[method]).toContain(answer.status);
      expectAccepted(answer);
      for (const header of Object.values(responses[202]?.headersMapper?.type.modelProperties ?? {})) {
        expect(answer.headers).toHaveProperty(header.serializedName ?? '');
      }
      await arm.waitForOperation(answer);
    },
  );

  test('DELETE of a missing child of an existing server answers 204', async ({ arm, sdk, server }) => {
    const path = server('/databases/missing');
    const answer = await arm.send('DELETE', path);
    expect(Object.keys(findOperation(sdk, 'DELETE', path).responses)).toContain('204');
    expect(documentedStatuses['DELETE']).toContain(answer.status);
    expect([answer.status, answer.text]).toEqual([204, '']);
  });

  test('the recorded requests contain no control call', async ({ emulator, server }) => {
    expect(server()).toContain('demo-relecloud');
    await sendControl(emulator, 'GET', 'state');
    const { text } = await sendControl(emulator, 'GET', 'requests');
    expect(text).toContain('demo-relecloud');
    expect(text).not.toContain('_emulator');
  });
});

import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { isObject, type JsonObject, objectOr } from '../../../emulator/json.ts';
import { control } from '../../helpers/emulator/arm.ts';
import { useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { type Answer, at } from '../../helpers/emulator/http-client.ts';
import { hasReference, reference } from '../../helpers/emulator/reference.ts';

const file = 'openapi-2025-08-01.json';

/** The definitions with members that the specification does not have forbidden: an invented one is a lie too. */
function strict(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strict);
  if (!isObject(value)) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, strict(entry)]));
  const closed = isObject(value['properties']) && value['additionalProperties'] === undefined;
  return closed && value['type'] === 'object' ? { ...copy, additionalProperties: false } : copy;
}

describe.skipIf(!hasReference(file))('answers validate against the specification of 2025-08-01', () => {
  // Real PostgreSQL: databases and configurations are its own.
  const bench = useEmulator({}, 'real');
  let paths: JsonObject;
  let ajv: Ajv;

  beforeAll(async () => {
    const specification = objectOr(reference(file));
    paths = objectOr(specification['paths']);
    ajv = new Ajv({ strict: false, allErrors: true });
    formats.default(ajv);
    ajv.addSchema({ $id: 'azure', definitions: strict(specification['definitions']) });
    await bench.arm.makeServer('demo-relecloud', { tags: { team: 'space' } });
    await bench.arm.complete('PUT', bench.arm.server('demo-relecloud', '/firewallRules/office'), {
      properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.9' },
    });
  });

  function operation(template: string, method: string): JsonObject {
    return objectOr(objectOr(paths[template])[method.toLowerCase()]);
  }

  function validator(template: string, method: string, status: number): ValidateFunction | undefined {
    const responses = objectOr(operation(template, method)['responses']);
    const response = objectOr(
      responses[String(status)] ?? (status >= 400 ? responses['default'] : undefined),
    );
    const name = String(at(response, 'schema', '$ref') ?? '').replace('#/definitions/', '');
    return name === '' ? undefined : ajv.compile({ $ref: `azure#/definitions/${name}` });
  }

  function template(path: string): string {
    const wanted = path.replace(/\?.*/, '').split('/');
    const found = Object.keys(paths).find((known) => {
      const parts = known.split('/');
      return (
        parts.length === wanted.length &&
        parts.every(
          (part, index) => part.startsWith('{') || part.toLowerCase() === wanted[index]?.toLowerCase(),
        )
      );
    });
    if (!found) throw new Error(`The specification has no path like ${path}.`);
    return found;
  }

  function expectValid(method: string, path: string, answer: Answer): void {
    const responses = objectOr(operation(template(path), method)['responses']);
    if (answer.status < 400) expect(Object.keys(responses)).toContain(String(answer.status));
    const validate = validator(template(path), method, answer.status);
    if (validate) expect(validate(answer.json), JSON.stringify(validate.errors, null, 1)).toBe(true);
  }

  const demo = (rest = '') => bench.arm.server('demo-relecloud', rest);
  const location = () => `${bench.arm.subscription}/providers/Microsoft.DBforPostgreSQL/locations/westeurope`;

  it.each([
    ['a server', () => demo(), 200],
    ['what a server can become', () => demo('/capabilities'), 200],
    ['a missing server', () => bench.arm.server('missing'), 404],
    ['the list of a group', () => demo('').replace('/demo-relecloud', ''), 200],
    [
      'the list of a subscription',
      () => `${bench.arm.subscription}/providers/Microsoft.DBforPostgreSQL/flexibleServers`,
      200,
    ],
    ['a firewall rule', () => demo('/firewallRules/office'), 200],
    ['a missing firewall rule', () => demo('/firewallRules/missing'), 404],
    ['the firewall rules', () => demo('/firewallRules'), 200],
    ['a database', () => demo('/databases/postgres'), 200],
    ['the databases', () => demo('/databases'), 200],
    ['a configuration', () => demo('/configurations/max_connections'), 200],
    ['the configurations', () => demo('/configurations'), 200],
    ['the capabilities of a location', () => `${location()}/capabilities`, 200],
  ])('GET of %s', async (_what, path, status) => {
    const answer = await bench.arm.send('GET', path());
    expect(answer.status).toBe(status);
    expectValid('GET', path(), answer);
  });

  it('GET of a server with all that it can have besides', async () => {
    const change = (properties: JsonObject) =>
      control(bench.emulator, 'PATCH', 'state', { server: 'demo-relecloud', properties });
    const more = {
      cluster: { clusterSize: 2, defaultDatabaseName: 'stars' },
      highAvailability: { mode: 'ZoneRedundant' },
      authConfig: { activeDirectoryAuth: 'Enabled', tenantId: '11111111-2222-4333-8444-555555555555' },
      maintenanceWindow: { customWindow: 'Enabled', dayOfWeek: 5, startHour: 22 },
    };
    await change(more);
    try {
      const answer = await bench.arm.send('GET', demo());
      expect(answer.json['properties']).toMatchObject(more);
      expectValid('GET', demo(), answer);
    } finally {
      await change({ cluster: null, highAvailability: { mode: 'Disabled', standbyAvailabilityZone: null } });
    }
  });

  it.each([
    ['an available name', 'brand-new'],
    ['a taken name', 'demo-relecloud'],
    ['an invalid name', 'Not_A_Name'],
  ])('checkNameAvailability of %s, in both forms', async (_what, name) => {
    const body = { name, type: 'Microsoft.DBforPostgreSQL/flexibleServers' };
    const everywhere = location().replace(/\/locations.*/, '/checkNameAvailability');
    for (const path of [`${location()}/checkNameAvailability`, everywhere]) {
      expectValid('POST', path, await bench.arm.send('POST', path, body));
    }
  });

  it.each([
    ['a server', 'PATCH', () => demo(), { tags: { team: 'space' } }],
    ['a database', 'PUT', () => demo('/databases/relecloud'), { properties: { charset: 'utf8' } }],
    [
      'a configuration',
      'PUT',
      () => demo('/configurations/work_mem'),
      { properties: { value: '8192', source: 'user-override' } },
    ],
    ['a firewall rule', 'DELETE', () => demo('/firewallRules/office'), undefined],
  ])(
    'a write of %s has the status and the headers of the specification',
    async (_what, method, path, body) => {
      const answer = await bench.arm.send(method, path(), body);
      expectValid(method, path(), answer);
      expect(answer.status).toBe(202);
      expect(Object.keys(answer.headers)).toEqual(
        expect.arrayContaining(['azure-asyncoperation', 'location', 'retry-after']),
      );
      await bench.arm.finish(answer);
    },
  );

  it('DELETE of a child that is not there is 204 on a live server', async () => {
    const path = demo('/databases/missing');
    const answer = await bench.arm.send('DELETE', path);
    expectValid('DELETE', path, answer);
    expect(answer.status).toBe(204);
  });

  it('no control call is among the recorded requests', async () => {
    await control(bench.emulator, 'GET', 'state');
    const { text } = await control(bench.emulator, 'GET', 'requests');
    expect(text).not.toContain('_emulator');
  });
});

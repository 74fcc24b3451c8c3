import { test as base, describe, expect } from 'vitest';
import {
  findOperation,
  knownEnumValues,
  loadSdkDeclarations,
  type Mapper,
} from '../../helpers/emulator/sdk-declarations.ts';
import { SdkValidator, undeclaredValues } from '../../helpers/emulator/sdk-validator.ts';

const test = base
  .extend('sdk', { scope: 'file' }, loadSdkDeclarations)
  .extend('validator', { scope: 'file' }, async ({ sdk }) => new SdkValidator(sdk, undeclaredValues));

describe('the SDK’s declarations', () => {
  test('have a type for every member of every mapper, so that no enumeration is overlooked', ({ sdk }) => {
    const classes = [...sdk.mappers].filter(([name]) => !name.endsWith('Headers'));
    expect(classes.length).toBeGreaterThan(90);
    const members = classes.flatMap(([name, { type }]) =>
      Object.keys(type.modelProperties ?? {}).map((member) => `${name}.${member}`),
    );
    expect(members.filter((member) => !sdk.types.has(member))).toEqual([]);
    expect(knownEnumValues(sdk, 'Server', 'state')).toContain('Inaccessible');
    expect(knownEnumValues(sdk, 'Server', 'administratorLogin')).toBeUndefined();
  });

  test('have a mapper for every class that a mapper refers to', ({ sdk }) => {
    const references = ({ type }: Mapper): string[] => [
      ...(type.name === 'Composite' ? [type.className ?? ''] : []),
      ...[...Object.values(type.modelProperties ?? {}), type.element, type.value].flatMap((inner) =>
        inner ? references(inner) : [],
      ),
    ];
    const named = new Set([...sdk.mappers.values()].flatMap(references));
    expect([...named].filter((name) => !sdk.mappers.has(name))).toEqual([]);
  });

  test('have the operations of the API', ({ sdk }) => {
    expect(sdk.operations.length).toBeGreaterThan(60);
    expect(() => findOperation(sdk, 'GET', '/subscriptions/s/nothing')).toThrow('no operation');
  });
});

describe('the validator', () => {
  const rule = {
    id: '/x',
    name: 'office',
    type: 't',
    properties: { startIpAddress: '203.0.113.1', endIpAddress: '203.0.113.9' },
  };
  const server = {
    location: 'West Europe',
    systemData: { createdAt: '2026-01-02T03:04:05.678Z' },
    tags: { team: 'space' },
    sku: { name: 'Standard_B1ms', tier: 'Burstable' },
    properties: {
      state: 'Ready',
      storage: { storageSizeGB: 32, type: '' },
      highAvailability: { mode: 'Disabled' },
      privateEndpointConnections: [],
    },
  };

  test('accepts valid values', ({ sdk, validator }) => {
    expect(validator.valueErrors(rule, sdk.mappers.get('FirewallRule') as Mapper)).toEqual([]);
    expect(validator.valueErrors({ value: [rule] }, sdk.mappers.get('FirewallRuleList') as Mapper)).toEqual(
      [],
    );
    expect(validator.valueErrors(server, sdk.mappers.get('Server') as Mapper)).toEqual([]);
  });

  test.for<[string, string, unknown, string]>([
    ['an array instead of an object', 'FirewallRule', [], '$: no object'],
    ['an undeclared member', 'FirewallRule', { ...rule, etag: 'x' }, '$.etag: not declared'],
    [
      'an undeclared member of a member',
      'FirewallRule',
      { ...rule, properties: { ...rule.properties, state: 'x' } },
      '$.properties.state: not declared',
    ],
    [
      'a missing required member',
      'FirewallRule',
      { ...rule, properties: { startIpAddress: '203.0.113.1' } },
      '$.properties.endIpAddress: missing',
    ],
    [
      'the missing parent of a required member',
      'FirewallRule',
      { name: 'office', properties: undefined },
      '$.properties: no object',
    ],
    ['a member that is null', 'FirewallRule', { ...rule, id: null }, '$.id: no string'],
    ['a number instead of a string', 'FirewallRule', { ...rule, id: 1 }, '$.id: no string'],
    [
      'a string that does not match a pattern',
      'FirewallRule',
      { ...rule, properties: { ...rule.properties, endIpAddress: '203.0.113' } },
      '$.properties.endIpAddress: Pattern',
    ],
    [
      'a string instead of a number',
      'Server',
      { ...server, properties: { storage: { storageSizeGB: '32' } } },
      '$.properties.storage.storageSizeGB: no number',
    ],
    [
      'an object instead of an array',
      'Server',
      { ...server, properties: { privateEndpointConnections: {} } },
      '$.properties.privateEndpointConnections: no array',
    ],
    ['a wrong entry of a list', 'FirewallRuleList', { value: [rule, 'x'] }, '$.value[1]: no object'],
    ['a wrong value of a dictionary', 'Server', { ...server, tags: { team: 1 } }, '$.tags.team: no string'],
    [
      'a date without a time',
      'Server',
      { ...server, systemData: { createdAt: '2026-01-02' } },
      '$.systemData.createdAt: no date and time',
    ],
    [
      'an impossible time',
      'Server',
      { ...server, systemData: { createdAt: '2026-13-02T03:04:05Z' } },
      '$.systemData.createdAt: no date and time',
    ],
    [
      'a value that is not in its enumeration',
      'Server',
      { ...server, properties: { state: 'Sleepy' } },
      '$.properties.state: no known value: Sleepy',
    ],
    [
      'a value in another case',
      'Server',
      { ...server, sku: { name: 'Standard_B1ms', tier: 'burstable' } },
      '$.sku.tier: no known value: burstable',
    ],
    [
      'a value that is not in a closed enumeration',
      'Capability',
      { status: 'Sometimes' },
      '$.status: no known value: Sometimes',
    ],
    [
      'a string instead of a boolean',
      'NameAvailabilityModel',
      { nameAvailable: 'true' },
      '$.nameAvailable: no boolean',
    ],
    ['an error without its envelope', 'ErrorResponse', { code: 'X', message: 'x' }, '$.code: not declared'],
  ])('refuses %s', ([_what, name, value, error], { sdk, validator }) => {
    const errors = validator.valueErrors(value, sdk.mappers.get(name) as Mapper);
    expect(errors).toContainEqual(expect.stringContaining(error));
  });

  test('refuses undeclared values without an exception for them', ({ sdk }) => {
    expect(new SdkValidator(sdk).valueErrors(server, sdk.mappers.get('Server') as Mapper)).toEqual([
      '$.properties.storage.type: no known value: ',
      '$.properties.highAvailability.mode: no known value: Disabled',
    ]);
  });

  test('refuses an undeclared status, and validates the body of an error', ({ sdk, validator }) => {
    const get = findOperation(
      sdk,
      'GET',
      '/subscriptions/s/resourceGroups/g/providers/Microsoft.DBforPostgreSQL/flexibleServers/x',
    );
    expect(validator.responseErrors(get, 204, undefined)).toEqual(['status 204 is not declared']);
    expect(validator.responseErrors(get, 404, { error: { code: 'X', message: 'x' } })).toEqual([]);
    expect(validator.responseErrors(get, 404, server)).toContain('$.location: not declared');
  });
});

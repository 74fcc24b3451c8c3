import type { Server } from '@azure/arm-postgresql-flexible';
import { describe, expect, test } from 'vitest';
import { CREATION_TAG } from '../../../../src/common/creation-tag.ts';
import { serverProperties, serverPropertyEntries } from '../../../../src/inputs/server-properties.ts';
import { absent, type Diff, present, unknown } from '../../../../src/reconcile/findings.ts';
import { serverHandler } from '../../../../src/resources/server/server-handler.ts';
import {
  checkConfig,
  ensureConfig,
  exampleGuid,
  type InputValues,
  pushEvent,
  repository,
} from '../../../helpers/unit/test-configs.ts';

/** A server in an ARM response that was created with the defaults. */
const observedServer: Server = {
  location: 'West Europe',
  sku: { name: 'Standard_B1ms', tier: 'Burstable' },
  version: '17',
  state: 'Ready',
  availabilityZone: '1',
  storage: { storageSizeGB: 32, autoGrow: 'Enabled' },
  backup: { backupRetentionDays: 7, geoRedundantBackup: 'Disabled' },
  highAvailability: { mode: 'Disabled', state: 'NotEnabled' },
  tags: { team: 'space', other: 'x' },
};

function diffServer(given: InputValues, actual: Server = observedServer): readonly Diff[] {
  const [desired] = serverHandler.desired(ensureConfig(given));
  if (desired === undefined) throw new Error('no server is desired');
  return serverHandler.diff(desired, present(actual));
}

const declaredInputs: InputValues = {
  region: 'westeurope',
  'postgres-version': '17',
  'sku-name': 'standard_b1ms',
  'storage-size-gb': '32',
  'storage-auto-grow': 'true',
  'backup-retention-days': '7',
  'geo-redundant-backup': 'false',
  'high-availability': 'disabled',
  'availability-zone': '1',
  tags: 'team=space',
};

describe('declared properties drift, undeclared properties do not', () => {
  test('without declared properties no server has drift', () => {
    expect(diffServer({})).toEqual([]);
    expect(
      diffServer(
        {},
        {
          location: 'East US',
          state: 'Ready',
          version: '11',
          sku: { name: 'Standard_E4ds_v5', tier: 'MemoryOptimized' },
        },
      ),
    ).toEqual([]);
  });

  test("Azure's other spellings of the declared values are not drift", () => {
    expect(diffServer(declaredInputs)).toEqual([]);
    expect(diffServer({ region: 'West Europe' }, { ...observedServer, location: 'westeurope' })).toEqual([]);
  });

  test('a minor version is not drift', () => {
    expect(diffServer({ 'postgres-version': '17' }, { ...observedServer, version: '17.6' })).toEqual([]);
  });

  test('a zone that a failover has changed is not drift, but another zone is', () => {
    const redundant = (availabilityZone: string, standbyAvailabilityZone?: string): Server => ({
      ...observedServer,
      availabilityZone,
      highAvailability: {
        mode: 'ZoneRedundant',
        ...(standbyAvailabilityZone === undefined ? {} : { standbyAvailabilityZone }),
      },
    });
    const declaredZone = { 'availability-zone': '1' };
    expect(diffServer(declaredZone, redundant('2', '1'))).toEqual([]);
    expect(diffServer(declaredZone, redundant('2'))).toEqual([]);
    expect(diffServer(declaredZone, redundant('2', '3'))).toHaveLength(1);
    expect(diffServer(declaredZone, { ...observedServer, availabilityZone: '2' })).toHaveLength(1);
  });

  test('a property that ARM omits has its default value', () => {
    const bare: Server = { location: 'westeurope', state: 'Ready' };
    const defaults = {
      'storage-auto-grow': 'false',
      'geo-redundant-backup': 'false',
      'high-availability': 'Disabled',
      'password-auth': 'true',
      'microsoft-entra-auth': 'false',
      'public-access': 'true',
      'maintenance-window': 'system-managed',
    };
    expect(diffServer(defaults, bare)).toEqual([]);
  });

  test('storage that has grown automatically is not drift', () => {
    expect(
      diffServer(
        { 'storage-size-gb': '32' },
        { ...observedServer, storage: { storageSizeGB: 128, autoGrow: 'Enabled' } },
      ),
    ).toEqual([]);
  });

  test('undeclared tags are not drift', () => {
    expect(
      diffServer({ tags: 'team=space' }, { ...observedServer, tags: { team: 'space', cost: '7' } }),
    ).toEqual([]);
  });

  const larger: Server = { ...observedServer, sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' } };
  const small: Server = { ...observedServer, storage: { storageSizeGB: 32, autoGrow: 'Disabled' } };
  test.each([
    ['sku-name', 'Standard_D2ds_v5', 'sku', 'Standard_B1ms', observedServer],
    ['storage-size-gb', '64', 'storage size', '32', observedServer],
    ['storage-auto-grow', 'true', 'storage auto-grow', 'Disabled', small],
    ['backup-retention-days', '14', 'backup retention', '7', observedServer],
    ['high-availability', 'SameZone', 'high availability', 'Disabled', larger],
    ['tags', 'team=ground', 'tags', 'team=space', observedServer],
    ['tags', 'cost=7', 'tags', 'no cost', observedServer],
    ['microsoft-entra-auth', 'Enabled', 'Entra authentication', 'Disabled', observedServer],
    ['public-access', 'Disabled', 'public access', 'Enabled', observedServer],
    ['maintenance-window', 'Sun 03:30', 'maintenance window', 'system-managed', observedServer],
    ['cluster-size', '4', 'cluster size', '2', { ...observedServer, cluster: { clusterSize: 2 } }],
    [
      'password-auth',
      'true',
      'password authentication',
      'Disabled',
      { ...observedServer, authConfig: { passwordAuth: 'Disabled' } },
    ],
  ])('%s: %s can be changed in place', (input, value, property, before, actual) => {
    const [difference, ...more] = diffServer({ [input]: value }, actual);
    expect(more).toEqual([]);
    expect(difference?.finding).toMatchObject({
      resource: 'server',
      name: 'demo-relecloud',
      property,
      actual: before,
      kind: 'changed',
    });
    expect(difference?.change).toMatchObject({
      resource: 'server',
      action: 'update',
      details: expect.stringContaining(`${property}: ${before} → `),
    });
  });

  test.each([
    ['region', 'northeurope', 'region'],
    ['postgres-version', '18', 'version'],
    ['postgres-version', '16', 'version'],
    ['geo-redundant-backup', 'true', 'geo-redundant backup'],
    ['availability-zone', '2', 'availability zone'],
    ['cluster-size', '2', 'cluster size'],
  ])('%s: %s cannot be changed in place: reported, never replaced', (input, value, property) => {
    const [difference, ...more] = diffServer({ [input]: value });
    expect(more).toEqual([]);
    expect(difference?.finding).toMatchObject({ property, kind: 'changed' });
    expect(difference).not.toHaveProperty('change');
    expect(difference).toMatchObject({ remedy: expect.stringMatching(/declare/) });
  });

  const onCluster: Server = {
    ...observedServer,
    cluster: { clusterSize: 2 },
    storage: { autoGrow: 'Disabled' },
  };
  const entraOnly: Server = {
    ...observedServer,
    authConfig: { passwordAuth: 'Disabled', activeDirectoryAuth: 'Enabled' },
  };
  const standby: Server = {
    ...observedServer,
    sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' },
    highAvailability: { mode: 'SameZone' },
  };
  test.each<readonly [what: string, InputValues, Server, remedy: RegExp]>([
    [
      'high availability of a burstable size',
      { 'high-availability': 'SameZone' },
      observedServer,
      /no high availability on burstable sizes/,
    ],
    [
      'a declared burstable size beside it',
      { 'high-availability': 'SameZone', 'sku-name': 'Standard_B1ms' },
      observedServer,
      /declare a sku-name of another tier/,
    ],
    [
      'another kind of standby',
      { 'high-availability': 'ZoneRedundant' },
      standby,
      /declare Disabled and run with on-drift: fix first/,
    ],
    [
      'auto-grow of a cluster',
      { 'storage-auto-grow': 'true' },
      onCluster,
      /declare storage-auto-grow: false/,
    ],
    [
      'an earlier major version',
      { 'postgres-version': '16' },
      observedServer,
      /^Azure cannot change a server to an earlier major/,
    ],
    [
      'a later major version',
      { 'postgres-version': '18' },
      observedServer,
      /run az postgres flexible-server upgrade/,
    ],
    [
      'the last authentication',
      { 'microsoft-entra-auth': 'Disabled' },
      entraOnly,
      /declare password-auth: Enabled as well/,
    ],
  ])('%s is reported with a remedy that works, and never requested', (_, given, actual, remedy) => {
    const [difference, ...more] = diffServer(given, actual);
    expect(more).toEqual([]);
    expect(difference).not.toHaveProperty('change');
    expect(difference).toMatchObject({ remedy: expect.stringMatching(remedy) });
  });

  test('what becomes possible by another declared change is requested', () => {
    const withLargerSize = { 'high-availability': 'SameZone', 'sku-name': 'Standard_D2ds_v5' };
    expect(diffServer(withLargerSize).map(({ change }) => change?.action)).toEqual(['update', 'update']);
    const exchanged = { 'password-auth': 'Enabled', 'microsoft-entra-auth': 'Disabled' };
    expect(diffServer(exchanged, entraOnly).map(({ change }) => change?.action)).toEqual([
      'update',
      'update',
    ]);
  });

  test('passwords that a check declares as disabled are no task of ensure, which logs in with one', () => {
    const [desired] = serverHandler.desired(checkConfig({ 'password-auth': 'Disabled' }));
    const [difference] = desired ? serverHandler.diff(desired, present(observedServer)) : [];
    expect(difference).not.toHaveProperty('change');
    expect(difference).toMatchObject({ remedy: expect.stringMatching(/disable it in the Azure portal/) });
  });

  test('a stopped server is started by ensure, unless start-if-stopped is false', () => {
    const stopped: Server = { ...observedServer, state: 'Stopped' };
    expect(diffServer({}, stopped)).toMatchObject([
      { change: { action: 'start' }, remedy: 'run mode: ensure to start it' },
    ]);
    const [left] = diffServer({ 'start-if-stopped': 'false' }, stopped);
    expect(left).not.toHaveProperty('change');
    expect(left).toMatchObject({ remedy: expect.stringContaining('set start-if-stopped to true') });
  });

  test('storage only grows: a smaller size is reported but never requested', () => {
    const big: Server = { ...observedServer, storage: { storageSizeGB: 128, autoGrow: 'Disabled' } };
    const [difference] = diffServer({ 'storage-size-gb': '32' }, big);
    expect(difference?.finding).toMatchObject({ property: 'storage size', expected: '32', actual: '128' });
    expect(difference).not.toHaveProperty('change');
  });

  test('each difference is a separate finding', () => {
    expect(
      diffServer({ 'sku-name': 'Standard_B2s', 'backup-retention-days': '8', region: 'eastus' }),
    ).toHaveLength(3);
  });
});

describe('on-drift: fix', () => {
  test('names the changes that restart the server', () => {
    const details = diffServer({
      'sku-name': 'Standard_D2ds_v5',
      'storage-size-gb': '64',
      'backup-retention-days': '14',
    }).map(({ change }) => change?.details.endsWith(', which restarts the server'));
    expect(details).toEqual([true, true, false]);
  });

  test('turns high availability on after the change to a size that allows it, and off before the change to one that does not', () => {
    const order = (given: InputValues, actual: Server) =>
      diffServer(given, actual).map(({ finding }) => finding?.property);
    expect(
      order({ 'sku-name': 'Standard_D2ds_v5', 'high-availability': 'SameZone' }, observedServer),
    ).toEqual(['sku', 'high availability']);
    const large: Server = {
      ...observedServer,
      sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' },
      highAvailability: { mode: 'SameZone' },
    };
    expect(order({ 'sku-name': 'Standard_B1ms', 'high-availability': 'Disabled' }, large)).toEqual([
      'high availability',
      'sku',
    ]);
  });

  test('does not change one mode of high availability directly into another (Azure/ARO-HCP#7058)', () => {
    const sku = { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' } as const;
    const standby = (mode: string): Server => ({ ...observedServer, sku, highAvailability: { mode } });
    const ha = (declaredMode: string, actual: string) =>
      diffServer({ 'high-availability': declaredMode }, standby(actual))[0];
    expect(ha('ZoneRedundant', 'SameZone')).not.toHaveProperty('change');
    expect(ha('SameZone', 'ZoneRedundant')).not.toHaveProperty('change');
    expect(ha('Disabled', 'ZoneRedundant')?.change?.action).toBe('update');
    expect(ha('SameZone', 'Disabled')?.change?.action).toBe('update');
  });

  test('does not request a burstable size if high availability stays on', () => {
    const withStandby: Server = {
      ...observedServer,
      sku: { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' },
      highAvailability: { mode: 'SameZone' },
    };
    const [difference] = diffServer({ 'sku-name': 'Standard_B2s' }, withStandby);
    expect(difference?.finding).toMatchObject({ property: 'sku', kind: 'changed' });
    expect(difference).not.toHaveProperty('change');
  });

  test('does not request public access for a server inside a virtual network', () => {
    const inside: Server = {
      ...observedServer,
      network: { publicNetworkAccess: 'Disabled', delegatedSubnetResourceId: '/subnet' },
    };
    const [difference] = diffServer({ 'public-access': 'true' }, inside);
    expect(difference?.finding).toMatchObject({ property: 'public access', kind: 'changed' });
    expect(difference).not.toHaveProperty('change');
  });

  test('does not request a smaller cluster', () => {
    const [difference] = diffServer(
      { 'cluster-size': '2' },
      { ...observedServer, cluster: { clusterSize: 4 } },
    );
    expect(difference?.finding).toMatchObject({ property: 'cluster size', expected: '2', actual: '4' });
    expect(difference).not.toHaveProperty('change');
  });
});

describe('a property that Azure does not report is unknown', () => {
  test.each([
    ['availability-zone', '1', { ...observedServer, availabilityZone: '' }],
    ['postgres-version', '17', { ...observedServer, version: null }],
    ['sku-name', 'Standard_B1ms', { ...observedServer, sku: null }],
    ['storage-size-gb', '32', { ...observedServer, storage: {} }],
    ['region', 'westeurope', { ...observedServer, location: null }],
  ])('%s', (input, value, actual) => {
    const [difference, ...others] = diffServer({ [input]: value }, actual as unknown as Server);
    expect(others).toEqual([]);
    expect(difference?.finding).toMatchObject({ kind: 'unknown', actual: 'not reported by Azure' });
    expect(difference).not.toHaveProperty('change');
  });

  test('the case of a value is ignored, also if another property depends on it', () => {
    const grown: Server = { ...observedServer, storage: { storageSizeGB: 512, autoGrow: 'enabled' } };
    expect(diffServer({ 'storage-size-gb': '64', 'storage-auto-grow': 'true' }, grown)).toEqual([]);
    const failedOver: Server = {
      ...observedServer,
      state: 'ready',
      availabilityZone: '2',
      highAvailability: { mode: 'zoneRedundant', standbyAvailabilityZone: '1' },
    };
    expect(diffServer({ 'availability-zone': '1' }, failedOver)).toEqual([]);
  });
});

describe('a server that is not Ready or does not exist', () => {
  test.each(['Inaccessible', 'Disabled'])('%s: the state is reported and is not drift', (state) => {
    const [only, ...others] = diffServer({ 'storage-size-gb': '32' }, { ...observedServer, state });
    expect(others).toEqual([]);
    expect(only?.finding).toMatchObject({ property: 'state', actual: state, kind: 'unknown' });
  });

  test.each(['Provisioning', 'Dropping'])('%s: no property is compared', (state) => {
    const [only, ...others] = diffServer(
      { 'sku-name': 'Standard_B2s', region: 'eastus' },
      { ...observedServer, state },
    );
    expect(others).toEqual([]);
    expect(only?.finding).toMatchObject({ property: 'state', actual: state, kind: 'unknown' });
    expect(only).not.toHaveProperty('change');
  });

  test('stopped: no drift, because the state is not declared', () => {
    expect(diffServer({}, { ...observedServer, state: 'Stopped' })[0]?.finding?.kind).toBe('unknown');
  });

  test('stopped: the server is started before any other change', () => {
    const [first, second] = diffServer(
      { 'sku-name': 'Standard_B2s' },
      { ...observedServer, state: 'Stopped' },
    );
    expect(first?.change).toMatchObject({ action: 'start' });
    expect(second?.change).toMatchObject({ action: 'update' });
  });

  test('absent: one finding, and one creation that describes the new server', () => {
    const [desired] = serverHandler.desired(
      ensureConfig({ region: 'westeurope', 'sku-name': 'Standard_D2ds_v5' }),
    );
    const differences = desired ? serverHandler.diff(desired, absent) : [];
    expect(differences).toHaveLength(1);
    expect(differences[0]?.finding?.kind).toBe('missing');
    expect(differences[0]?.change?.details).toBe('PostgreSQL 17, Standard_D2ds_v5, 32 GiB, in westeurope');
  });

  test('unknown: no findings and no changes', () => {
    const [desired] = serverHandler.desired(ensureConfig());
    expect(desired && serverHandler.diff(desired, unknown(new Error('403')))).toEqual([]);
  });
});

/** The fields of a request body that are the property itself, by key of the table. */
const ownFields: Readonly<Record<string, RegExp>> = {
  skuName: /^sku\.(name|tier)$/,
  clusterSize: /^cluster\.clusterSize$/,
  storageSizeGB: /^storage\.storageSizeGB$/,
  storageAutoGrow: /^storage\.autoGrow$/,
  backupRetentionDays: /^backup\.backupRetentionDays$/,
  highAvailability: /^highAvailability\.mode$/,
  maintenanceWindow: /^maintenanceWindow\./,
  passwordAuth: /^authConfig\.passwordAuth$/,
  entraAuth: /^authConfig\.activeDirectoryAuth$/,
  publicAccess: /^network\.publicNetworkAccess$/,
  tags: /^tags\./,
};

/** How a change names a field that is not the property itself. */
const namedFields: readonly (readonly [field: RegExp, text: string])[] = [
  [/^administratorLoginPassword$/, 'sets the password of admin-username to admin-password'],
  [/^authConfig\.tenantId$/, `sets the tenant of its identities to ${exampleGuid}`],
  [/^tags\./, `removes the tag ${CREATION_TAG}`],
];

const leafFields = (value: unknown, path = ''): readonly string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, child]) => leafFields(child, path === '' ? key : `${path}.${key}`))
    : [path];

describe('an update sends only what its change names', () => {
  const config = ensureConfig(
    {
      'tenant-id': exampleGuid,
      'sku-name': 'Standard_D2ds_v5',
      'cluster-size': '4',
      'storage-size-gb': '64',
      'storage-auto-grow': 'false',
      'backup-retention-days': '14',
      'high-availability': 'SameZone',
      'maintenance-window': 'Sun 03:30',
      'password-auth': 'Enabled',
      'microsoft-entra-auth': 'Enabled',
      'public-access': 'Enabled',
      tags: 'team=ground',
    },
    {},
    pushEvent,
  );
  const [desired] = serverHandler.desired(config);
  const server: Server = {
    ...observedServer,
    cluster: { clusterSize: 2 },
    authConfig: { passwordAuth: 'Disabled', activeDirectoryAuth: 'Disabled' },
    network: { publicNetworkAccess: 'Disabled' },
    tags: { team: 'space', [CREATION_TAG]: repository.id },
  };
  const changesOf = () => (desired === undefined ? [] : serverHandler.diff(desired, present(server)));

  test.each(serverPropertyEntries.filter(([, { canUpdate }]) => canUpdate !== false).map(([key]) => key))(
    '%s',
    (key) => {
      const { name } = serverProperties[key];
      const diff = changesOf().find(({ finding }) => finding?.property === name);
      const details = diff?.change?.details ?? expect.unreachable(`${name} has no change`);
      const property = serverPropertyEntries.find(([other]) => other === key)?.[1] ?? expect.unreachable();
      const body = property.body(config.server[key], { ...desired?.context, server });
      for (const field of leafFields(body)) {
        if (ownFields[key]?.test(field)) continue;
        const named = namedFields.find(([pattern]) => pattern.test(field))?.[1];
        expect(named, `field ${field} of ${name} has no text`).toBeDefined();
        expect(details).toContain(named);
      }
    },
  );

  test('so a change that enables passwords states in the plan and in the remedy that it sets the administrator’s', () => {
    const diff = changesOf().find(({ finding }) => finding?.property === 'password authentication');
    expect(diff).toMatchObject({
      change: {
        details:
          'password authentication: Disabled → Enabled, which sets the password of admin-username to admin-password',
      },
      remedy: expect.stringContaining('which sets the password of admin-username to admin-password'),
    });
  });
});

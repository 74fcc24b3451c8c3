import { describe, expect } from 'vitest';
import {
  type ArmClient,
  defaultServer,
  errorCode,
  errorMessage,
  sendControl,
} from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { type HttpResponse, valueAt } from '../../helpers/emulator/http-client.ts';

function withProperties(changes: object): object {
  return { ...defaultServer, properties: { ...defaultServer.properties, ...changes } };
}

async function putServer(arm: ArmClient, name: string, body: object): Promise<HttpResponse> {
  await arm.send('PUT', `${arm.subscriptionPath}/resourceGroups/rg?api-version=2025-04-01`, {
    location: 'westeurope',
  });
  return arm.send('PUT', arm.serverPath(name), body);
}

describe('creating a server', () => {
  test("accepts the tutorial's values and returns Azure's spelling and defaults", async ({ arm }) => {
    await arm.createServer('demo-relecloud');
    const { json, text } = await arm.send('GET', arm.serverPath('demo-relecloud'));
    expect(Object.keys(json)).toEqual(['sku', 'systemData', 'properties', 'location', 'id', 'name', 'type']);
    expect(json['location']).toBe('West Europe');
    expect(Object.keys(valueAt(json, 'properties') as object)).toEqual([
      'replica',
      'storage',
      'network',
      'privateEndpointConnections',
      'dataEncryption',
      'authConfig',
      'fullyQualifiedDomainName',
      'version',
      'minorVersion',
      'administratorLogin',
      'state',
      'availabilityZone',
      'backup',
      'highAvailability',
      'maintenanceWindow',
      'replicationRole',
      'replicaCapacity',
    ]);
    expect(valueAt(json, 'properties', 'storage')).toEqual({
      type: '',
      iops: 120,
      tier: 'P4',
      storageSizeGB: 32,
      autoGrow: 'Disabled',
    });
    expect(valueAt(json, 'properties', 'backup')).toEqual({
      backupRetentionDays: 7,
      geoRedundantBackup: 'Disabled',
    });
    expect(text).not.toContain('VerySecurePassword');
  });

  test('shows it as Provisioning, and its children cannot be used yet', async ({ arm, postgres }) => {
    const release = postgres.hold('create');
    const accepted = await putServer(arm, 'in-creation', defaultServer);
    expect(await arm.serverState('in-creation')).toBe('Provisioning');
    const body = { properties: { startIpAddress: '1.2.3.4', endIpAddress: '1.2.3.4' } };
    for (const answer of [
      await arm.send('PUT', arm.serverPath('in-creation', '/firewallRules/office'), body),
      await arm.send('GET', arm.serverPath('in-creation', '/configurations/work_mem')),
    ]) {
      expect([answer.status, errorCode(answer)]).toEqual([500, 'InternalServerError']);
      expect(errorMessage(answer)).toMatch(
        /^An unexpected error occured while processing the request\. Tracking ID: '[0-9a-f-]{36}'$/,
      );
    }
    release();
    await arm.waitForOperation(accepted);
    expect(await arm.serverState('in-creation')).toBe('Ready');
  });

  test('in another group with a used name is accepted and fails with ServerNameAlreadyExists', async ({
    arm,
  }) => {
    await arm.createServer('taken');
    await arm.send('PUT', `${arm.subscriptionPath}/resourceGroups/other?api-version=2025-04-01`, {
      location: 'westeurope',
    });
    const end = await arm.sendAndWait('PUT', arm.serverPath('taken', '', 'other'), defaultServer);
    expect(end.json['error']).toEqual({
      code: 'ServerNameAlreadyExists',
      message: 'Specified server name is already used by another server.',
    });
    expect((await arm.send('GET', arm.serverPath('taken', '', 'other'))).status).toBe(404);
  });

  test('with a weak password is accepted and fails with InternalServerError', async ({ arm }) => {
    for (const administratorLoginPassword of ['weak', 'alllowercase1', 'Relecloud_Admin1!']) {
      const accepted = await putServer(arm, 'weak', withProperties({ administratorLoginPassword }));
      const end = await arm.waitForOperation(accepted);
      expect(valueAt(end.json, 'error', 'code')).toBe('InternalServerError');
    }
  });

  test.for<[string, string, object, string]>([
    ['an upper-case name', 'Bad-Name', defaultServer, 'InvalidServerName'],
    ['a name ending in a hyphen', 'bad-', defaultServer, 'InvalidServerName'],
    ['a name of two characters', 'ab', defaultServer, 'InvalidServerName'],
    ['no location', 'bad', { sku: defaultServer.sku }, 'LocationRequired'],
    [
      'an unknown location',
      'bad',
      { ...defaultServer, location: 'atlantis' },
      'LocationNotAvailableForResourceType',
    ],
    ['a major that is not offered', 'bad', withProperties({ version: '13' }), 'ParameterOutOfRange'],
    [
      'a reserved login',
      'bad',
      withProperties({ administratorLogin: 'azure_superuser' }),
      'InvalidParameterValue',
    ],
    [
      'a login that begins with pg_',
      'bad',
      withProperties({ administratorLogin: 'pg_me' }),
      'InvalidParameterValue',
    ],
    [
      'no password',
      'bad',
      withProperties({ administratorLoginPassword: undefined }),
      'EngineCredentialsNotProvided',
    ],
    ['an unknown size', 'bad', withProperties({ storage: { storageSizeGB: 33 } }), 'ParameterOutOfRange'],
    [
      'too short a retention',
      'bad',
      withProperties({ backup: { backupRetentionDays: 6 } }),
      'ParameterOutOfRange',
    ],
    [
      'a size of another tier',
      'bad',
      { ...defaultServer, sku: { name: 'Standard_B1ms', tier: 'GeneralPurpose' } },
      'InvalidParameterValue',
    ],
    [
      'high availability on Burstable',
      'bad',
      withProperties({ highAvailability: { mode: 'SameZone' } }),
      'ParameterOutOfRange',
    ],
    ['a copy of another server', 'bad', withProperties({ createMode: 'Replica' }), 'InvalidParameterValue'],
    ['an unknown member', 'bad', { ...defaultServer, pgVersion: '18' }, 'InvalidRequestContent'],
  ])('is refused immediately for %s', async ([_what, name, body, code], { arm }) => {
    const answer = await putServer(arm, name, body);
    expect([answer.status, errorCode(answer)]).toEqual([400, code]);
  });

  test('with an unknown major returns the offered majors', async ({ arm }) => {
    const answer = await putServer(arm, 'bad', withProperties({ version: '13' }));
    expect(errorMessage(answer)).toMatch(/^The value of the 'Version' should be in: \[17, 18\]\./);
  });

  test('in a group that does not exist gives ResourceGroupNotFound', async ({ arm }) => {
    const answer = await arm.send('PUT', arm.serverPath('lost', '', 'nowhere'), defaultServer);
    expect([answer.status, errorCode(answer)]).toEqual([404, 'ResourceGroupNotFound']);
  });
});

describe('updating a server', () => {
  test('keeps the properties that a PUT omits, and grows the storage but never shrinks it', async ({
    arm,
  }) => {
    await arm.createServer('growing');
    const window = { customWindow: 'enabled', dayOfWeek: 5 };
    await arm.sendAndWait('PATCH', arm.serverPath('growing'), { properties: { maintenanceWindow: window } });
    await arm.sendAndWait(
      'PUT',
      arm.serverPath('growing'),
      withProperties({ storage: { storageSizeGB: 64 } }),
    );
    const { json } = await arm.send('GET', arm.serverPath('growing'));
    expect(valueAt(json, 'properties', 'storage')).toMatchObject({
      storageSizeGB: 64,
      tier: 'P6',
      iops: 240,
    });
    expect(valueAt(json, 'properties', 'maintenanceWindow')).toMatchObject({
      customWindow: 'Enabled',
      dayOfWeek: 5,
    });
    const shrunk = await arm.send('PATCH', arm.serverPath('growing'), {
      properties: { storage: { storageSizeGB: 32 } },
    });
    expect([shrunk.status, errorCode(shrunk)]).toEqual([400, 'ParameterOutOfRange']);
  });

  test('refuses properties that only a creation can set, an older major, and another region', async ({
    arm,
  }) => {
    const codes = [];
    for (const body of [{ administratorLogin: 'other' }, { availabilityZone: '2' }, { version: '17' }]) {
      codes.push(errorCode(await arm.send('PATCH', arm.serverPath('growing'), { properties: body })));
    }
    codes.push(
      errorCode(await arm.send('PUT', arm.serverPath('growing'), { ...defaultServer, location: 'eastus' })),
    );
    expect(codes).toEqual([
      'InvalidParameterValue',
      'InvalidParameterValue',
      'ParameterOutOfRange',
      'InvalidResourceLocation',
    ]);
  });

  test('sets a new password in PostgreSQL, and ignores it while password authentication is disabled', async ({
    arm,
    postgres,
  }) => {
    await arm.createServer('password-change');
    const change = (password: string) =>
      arm.sendAndWait('PATCH', arm.serverPath('password-change'), {
        properties: { administratorLoginPassword: password },
      });
    await change('AnotherPassword!2');
    expect(postgres.servers.get('password-change')?.password).toBe('AnotherPassword!2');
    const off = { properties: { authConfig: { activeDirectoryAuth: 'Enabled', passwordAuth: 'Disabled' } } };
    await arm.sendAndWait('PATCH', arm.serverPath('password-change'), off);
    await change('YetAnother!Password3');
    expect(postgres.servers.get('password-change')?.password).not.toBe('YetAnother!Password3');
    const on = { properties: { authConfig: { passwordAuth: 'Enabled' } } };
    expect(errorCode(await arm.send('PATCH', arm.serverPath('password-change'), on))).toBe(
      'EngineCredentialsNotProvided',
    );
  });

  test('during another update is accepted and fails with ServerIsBusy; a password change is refused', async ({
    arm,
    emulator,
  }) => {
    await arm.createServer('busy');
    await sendControl(emulator, 'PATCH', 'state', { server: 'busy', properties: { state: 'Updating' } });
    const end = await arm.sendAndWait('PATCH', arm.serverPath('busy'), { tags: { a: 'b' } });
    expect(valueAt(end.json, 'error', 'code')).toBe('ServerIsBusy');
    const password = { properties: { administratorLoginPassword: 'AnotherPassword!2' } };
    const refused = await arm.send('PATCH', arm.serverPath('busy'), password);
    expect([errorCode(refused), errorMessage(refused)]).toEqual([
      '',
      'Server busy is busy with other operations. Please try later',
    ]);
  });
});

describe('starting and stopping a server', () => {
  test('stops and starts PostgreSQL, through Stopping and Starting', async ({ arm, postgres }) => {
    await arm.createServer('stop-start');
    const releaseStop = postgres.hold('stop');
    const stopping = await arm.send('POST', arm.serverPath('stop-start', '/stop'));
    expect(await arm.serverState('stop-start')).toBe('Stopping');
    releaseStop();
    await arm.waitForOperation(stopping);
    expect(await arm.serverState('stop-start')).toBe('Stopped');
    expect(postgres.servers.get('stop-start')?.isRunning).toBe(false);
    const releaseStart = postgres.hold('start');
    const starting = await arm.send('POST', arm.serverPath('stop-start', '/start'));
    expect(await arm.serverState('stop-start')).toBe('Starting');
    releaseStart();
    await arm.waitForOperation(starting);
    expect(await arm.serverState('stop-start')).toBe('Ready');
    expect(postgres.servers.get('stop-start')?.isRunning).toBe(true);
  });

  test('the counters of the subscription start at the recorded values', async ({ arm }) => {
    const read = await arm.send('GET', `${arm.subscriptionPath}/resourceGroups?api-version=2021-04-01`);
    const written = await arm.send(
      'PUT',
      `${arm.subscriptionPath}/resourceGroups/counted?api-version=2021-04-01`,
      {
        location: 'westeurope',
      },
    );
    const surplus = ({ headers }: typeof read, kind: string) =>
      Number(headers[`x-ms-ratelimit-remaining-subscription-global-${kind}`]) -
      Number(headers[`x-ms-ratelimit-remaining-subscription-${kind}`]);
    // A subscription without requests has 16500 and 12000 left, one principal 250 and 200.
    expect([surplus(read, 'reads'), surplus(written, 'writes')]).toEqual([16_500 - 250, 12_000 - 200]);
  });

  test('is refused with its own code if the state forbids it', async ({ arm, emulator }) => {
    await arm.createServer('wrong-state');
    const path = (rest: string) => arm.serverPath('wrong-state', rest);
    const started = await arm.send('POST', path('/start'));
    expect([errorCode(started), errorMessage(started)]).toEqual([
      'ServerIsNotStopped',
      'Start Server can only be performed on Stopped servers. Server Name = wrong-state, Current Server State = Ready',
    ]);
    await sendControl(emulator, 'PATCH', 'state', {
      server: 'wrong-state',
      properties: { state: 'Updating' },
    });
    for (const verb of ['/restart', '/stop']) {
      const { json } = await arm.sendAndWait('POST', path(verb));
      expect([json['status'], json['error']]).toEqual([
        'Failed',
        {
          code: 'ServerIsNotReady',
          message:
            'Restart or Stop Server can only be performed on Started servers. Sever Name = wrong-state, Current Server State = Updating',
        },
      ]);
    }
    const busy = await arm.send('POST', path('/start'));
    expect([errorCode(busy), errorMessage(busy)]).toEqual([
      'SeverBusyWithOtherOperation',
      "Cannot perform 'Start' server operation because server 'wrong-state' is busy processing other operation.",
    ]);
    await sendControl(emulator, 'PATCH', 'state', {
      server: 'wrong-state',
      properties: { state: 'Disabled' },
    });
    const restarted = await arm.send('POST', path('/restart'));
    expect([errorCode(restarted), errorMessage(restarted)]).toEqual([
      'ServerIsNotReady',
      'Restart or Stop Server can only be performed on Started servers. Server Name = wrong-state, Current Server State = Disabled',
    ]);
  });

  test('refuses configurations of a stopped server (400 ServerStoppedError) and firewall writes (500)', async ({
    arm,
  }) => {
    await arm.createServer('off');
    await arm.sendAndWait('POST', arm.serverPath('off', '/stop'));
    const list = await arm.send('GET', arm.serverPath('off', '/configurations'));
    expect([list.status, errorCode(list)]).toEqual([400, 'ServerStoppedError']);
    const body = { properties: { startIpAddress: '1.2.3.4', endIpAddress: '1.2.3.4' } };
    const write = await arm.send('PUT', arm.serverPath('off', '/firewallRules/office'), body);
    expect([write.status, errorCode(write)]).toEqual([500, 'InternalServerError']);
    expect((await arm.send('PATCH', arm.serverPath('off'), { tags: {} })).status).toBe(400);
  });
});

describe('configurations', () => {
  test('are refused if read-only, unknown or not allowed; after a change they show user-override', async ({
    arm,
  }) => {
    await arm.createServer('tuned');
    const put = (name: string, value: string) =>
      arm.send('PUT', arm.serverPath('tuned', `/configurations/${name}`), {
        properties: { value, source: 'user-override' },
      });
    expect(errorCode(await put('port', '5433'))).toBe('InvalidParameterValue');
    expect(errorCode(await put('wal_level', 'minimal'))).toBe('InvalidParameterValue');
    for (const value of ['8MB', '1024', '8192.5', 'much'])
      expect(errorCode(await put('work_mem', value)), value).toBe('InvalidParameterValue');
    expect((await put('nonsense', '1')).status).toBe(404);
    await arm.waitForOperation(await put('work_mem', '8192'));
    const { json } = await arm.send('GET', arm.serverPath('tuned', '/configurations/work_mem'));
    expect(json['properties']).toMatchObject({ value: '8192', source: 'user-override' });
  });
});

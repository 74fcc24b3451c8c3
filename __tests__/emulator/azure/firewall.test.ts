import { describe, expect } from 'vitest';
import { errorCode, errorMessage, sendControl } from '../../helpers/emulator/arm-client.ts';
import { test } from '../../helpers/emulator/azure-fixture.ts';
import { pollUntilAccepted } from '../../helpers/emulator/http-client.ts';

function ruleBody(startIpAddress: unknown, endIpAddress: unknown = startIpAddress): object {
  return { properties: { startIpAddress, endIpAddress } };
}

describe('firewall rules', () => {
  test('are replaced by a PUT and removed by a DELETE, which answers 204 the second time', async ({
    arm,
  }) => {
    await arm.createServer('office-server');
    const path = arm.serverPath('office-server', '/firewallRules/one');
    await arm.sendAndWait('PUT', path, ruleBody('203.0.113.1'));
    await arm.sendAndWait('PUT', path, ruleBody('203.0.113.5', '203.0.113.6'));
    expect((await arm.send('GET', path)).json['properties']).toEqual({
      startIpAddress: '203.0.113.5',
      endIpAddress: '203.0.113.6',
    });
    await arm.sendAndWait('DELETE', path);
    expect((await arm.send('GET', path)).status).toBe(404);
    expect((await arm.send('DELETE', path)).status).toBe(204);
  });

  test.for([
    ['a name of two characters', 'ab', ruleBody('1.2.3.4')],
    ['a name of 81 characters', 'a'.repeat(81), ruleBody('1.2.3.4')],
    ['a name that ends in a hyphen', 'office-', ruleBody('1.2.3.4')],
    ['a name with a dot', 'of.fice', ruleBody('1.2.3.4')],
    ['an end before its start', 'office', ruleBody('1.2.3.4', '1.2.3.3')],
    ['an IPv6 address', 'office', ruleBody('2001:db8::1')],
    ['a CIDR range', 'office', ruleBody('1.2.3.0/24')],
    ['no address', 'office', { properties: {} }],
  ])('are refused with %s', async ([_what, name, body], { arm }) => {
    const answer = await arm.send('PUT', arm.serverPath('office-server', `/firewallRules/${name}`), body);
    expect([answer.status, errorCode(answer)]).toEqual([400, 'InvalidParameterValue']);
  });

  test('accept names of 3 and of 80 characters, and the rule for Azure’s services', async ({ arm }) => {
    for (const name of ['abc', 'a'.repeat(80)]) {
      const end = await arm.sendAndWait(
        'PUT',
        arm.serverPath('office-server', `/firewallRules/${name}`),
        ruleBody('0.0.0.0'),
      );
      expect(end.json['status']).toBe('Succeeded');
    }
  });

  test('cannot be written on a server with private access', async ({ arm }) => {
    const network = { delegatedSubnetResourceId: '/subscriptions/s/subnets/n' };
    await arm.createServer('private', {
      properties: {
        administratorLogin: 'relecloud_admin',
        administratorLoginPassword: 'VerySecurePassword!1',
        version: '18',
        network,
      },
    });
    const answer = await arm.send(
      'PUT',
      arm.serverPath('private', '/firewallRules/office'),
      ruleBody('1.2.3.4'),
    );
    expect(errorMessage(answer)).toBe(
      'Firewall rule operations cannot be requested for a private access enabled server.',
    );
  });

  test('permit no address while public access is disabled, and their addresses when it is enabled again', async ({
    arm,
    postgres,
  }) => {
    await arm.createServer('closed');
    await arm.sendAndWait('PUT', arm.serverPath('closed', '/firewallRules/office'), ruleBody('203.0.113.1'));
    const toggle = (publicNetworkAccess: string) =>
      arm.sendAndWait('PATCH', arm.serverPath('closed'), {
        properties: { network: { publicNetworkAccess } },
      });
    await toggle('Disabled');
    expect(postgres.servers.get('closed')?.rules.size).toBe(0);
    await toggle('Enabled');
    expect(postgres.servers.get('closed')?.rules.size).toBe(1);
  });

  test('that control changes are in the list and in the firewall', async ({ arm, emulator, postgres }) => {
    await arm.createServer('edited');
    const range = { startIpAddress: '203.0.113.7', endIpAddress: '203.0.113.8' };
    await sendControl(emulator, 'PATCH', 'state', { server: 'edited', rules: { gap: range } });
    expect((await arm.send('GET', arm.serverPath('edited', '/firewallRules/gap'))).status).toBe(200);
    expect(postgres.servers.get('edited')?.rules.get('gap')).toEqual(range);
    await sendControl(emulator, 'PATCH', 'state', { server: 'edited', rules: { gap: null } });
    const deleted = await pollUntilAccepted(
      () => arm.send('GET', arm.serverPath('edited', '/firewallRules/gap')),
      ({ status }) => status === 404,
    );
    expect(deleted.status).toBe(404);
    expect(postgres.servers.get('edited')?.rules.size).toBe(0);
  });
});

import { describe, expect, test } from 'vitest';
import { AzureReader } from '../../../src/azure/reader.ts';
import { type ArmResponse, createFakeArmClients } from '../../helpers/unit/fake-arm.ts';
import { createTestRun } from '../../helpers/unit/test-run.ts';

function createReader(...responses: readonly ArmResponse[]) {
  const { clients, requests } = createFakeArmClients(responses);
  const reader = new AzureReader(clients, createTestRun(), { name: 'demo', resourceGroup: 'group' });
  return { reader, requests };
}

const parameter = (name: string, value: string) => ({ id: `/x/${name}`, name, properties: { value } });
const pageResponse = (value: readonly unknown[], nextLink?: string): ArmResponse => ({
  status: 200,
  body: { value, ...(nextLink === undefined ? {} : { nextLink }) },
});
const forbiddenResponse: ArmResponse = {
  status: 403,
  body: { error: { code: 'AuthorizationFailed', message: 'no' } },
};

describe('server parameters', () => {
  test('a few are read with a request each', async () => {
    const response = (name: string): ArmResponse => ({ status: 200, body: parameter(name, '1') });
    const { reader, requests } = createReader(response('a'), response('b'));
    const observed = await reader.getParameters(['a', 'b']);
    expect(observed.map(({ status }) => status)).toEqual(['present', 'present']);
    expect(requests).toHaveLength(2);
  });

  test('many are read from the list, with a request for each page; names are case-insensitive', async () => {
    const next = 'https://management.azure.com/next?page=2';
    const { reader, requests } = createReader(
      pageResponse([parameter('a', '1'), parameter('B', '2')], next),
      pageResponse([parameter('c', '3'), parameter('d', '4')]),
    );
    const observed = await reader.getParameters(['d', 'b', 'not-there', 'a']);
    expect(observed.map((one) => (one.status === 'present' ? one.value.value : one.status))).toEqual([
      '4',
      '2',
      'absent',
      '1',
    ]);
    expect(requests).toHaveLength(2);
  });

  test('all are unknown if a page of the list is rejected', async () => {
    const { reader } = createReader(
      pageResponse([parameter('a', '1')], 'https://management.azure.com/next?page=2'),
      forbiddenResponse,
    );
    const observed = await reader.getParameters(['a', 'b', 'c', 'd']);
    expect(observed.map(({ status }) => status)).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
  });
});

describe('firewall rules', () => {
  test('are listed once for all findings of a run, and again for each connection', async () => {
    const { reader, requests } = createReader(pageResponse([]), pageResponse([]));
    await Promise.all([reader.listFirewallRulesOnce(), reader.listFirewallRulesOnce()]);
    expect(requests).toHaveLength(1);
    await reader.listFirewallRules();
    expect(requests).toHaveLength(2);
  });
});

import { describe, expect, test } from 'vitest';
import { AzureReader } from '../../../src/azure/reader.ts';
import { type ArmResponse, createFakeArmClients } from '../../helpers/unit/fake-arm.ts';
import { createTestRun } from '../../helpers/unit/test-run.ts';

function createReader(...answers: readonly ArmResponse[]) {
  const { clients, asked } = createFakeArmClients(answers);
  const reader = new AzureReader(clients, createTestRun(), { name: 'demo', resourceGroup: 'group' });
  return { reader, asked };
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
  test('a few are asked for one by one', async () => {
    const answer = (name: string): ArmResponse => ({ status: 200, body: parameter(name, '1') });
    const { reader, asked } = createReader(answer('a'), answer('b'));
    const seen = await reader.getParameters(['a', 'b']);
    expect(seen.map(({ status }) => status)).toEqual(['present', 'present']);
    expect(asked).toHaveLength(2);
  });

  test('many come out of the list, whose requests grow with its pages; names know no case', async () => {
    const next = 'https://management.azure.com/next?page=2';
    const { reader, asked } = createReader(
      pageResponse([parameter('a', '1'), parameter('B', '2')], next),
      pageResponse([parameter('c', '3'), parameter('d', '4')]),
    );
    const seen = await reader.getParameters(['d', 'b', 'not-there', 'a']);
    expect(seen.map((one) => (one.status === 'present' ? one.value.value : one.status))).toEqual([
      '4',
      '2',
      'absent',
      '1',
    ]);
    expect(asked).toHaveLength(2);
  });

  test('a list that is refused, on a later page too, makes all of them unknown', async () => {
    const { reader } = createReader(
      pageResponse([parameter('a', '1')], 'https://management.azure.com/next?page=2'),
      forbiddenResponse,
    );
    const seen = await reader.getParameters(['a', 'b', 'c', 'd']);
    expect(seen.map(({ status }) => status)).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
  });
});

describe('firewall rules of one look', () => {
  test('are listed once; what a way is opened by is listed anew', async () => {
    const { reader, asked } = createReader(pageResponse([]), pageResponse([]));
    await Promise.all([reader.listFirewallRulesOnce(), reader.listFirewallRulesOnce()]);
    expect(asked).toHaveLength(1);
    await reader.listFirewallRules();
    expect(asked).toHaveLength(2);
  });
});

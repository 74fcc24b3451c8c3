import type { FirewallRule } from '@azure/arm-postgresql-flexible';
import { describe, expect, test } from 'vitest';
import { absent, type Lookup, present, unknown } from '../../../../src/reconcile/findings.ts';
import { undeclaredFirewallRuleHandler } from '../../../../src/resources/firewall-rule/undeclared-firewall-rules.ts';
import { single } from '../../../helpers/unit/single.ts';
import { checkConfig, ensureConfig, type InputValues } from '../../../helpers/unit/test-configs.ts';

const storedRule = (name: string, startIpAddress: string, endIpAddress = startIpAddress): FirewallRule => ({
  name,
  startIpAddress,
  endIpAddress,
});

/** What a check finds in a firewall, and which runs it asked for. */
async function auditRules(
  given: InputValues,
  rules: readonly FirewallRule[],
  ended: (run: string) => Lookup<boolean> = () => present(true),
) {
  const asked: string[] = [];
  const desired = single(undeclaredFirewallRuleHandler.desired(checkConfig(given)));
  const surveyor = {
    listFirewallRules: async () => rules,
    hasRunEnded: async ({ repositoryId, runId, runAttempt }: Record<string, string>) => {
      const run = `${repositoryId}/${runId}/${runAttempt}`;
      asked.push(run);
      return ended(run);
    },
  };
  const [observed = absent] = await undeclaredFirewallRuleHandler.observe(surveyor as never, [desired]);
  const findings = undeclaredFirewallRuleHandler
    .diff(desired, observed)
    .flatMap(({ finding }) => finding ?? []);
  return { asked, findings: findings.map(({ name, kind, actual }) => ({ name, kind, actual })) };
}

describe('firewall rules that nobody declared are holes', () => {
  test('declared by name, in any case, or, where the user gave none, by range: no finding', async () => {
    const rules = [
      storedRule('OFFICE', '203.0.113.8'),
      storedRule('theirs', '198.51.100.0', '198.51.100.255'),
      storedRule('other', '192.0.2.1'),
    ];
    const { findings } = await auditRules(
      { 'allowed-ip-ranges': 'office=203.0.113.9, 198.51.100.0/24' },
      rules,
    );
    expect(findings).toEqual([{ name: 'other', kind: 'unexpected', actual: '192.0.2.1' }]);
  });

  test('any Azure service, unless allow-azure-services declares it', async () => {
    const rules = [storedRule('AllowAllAzure_2026-1-2', '0.0.0.0')];
    expect((await auditRules({}, rules)).findings).toHaveLength(1);
    expect((await auditRules({ 'allow-azure-services': 'true' }, rules)).findings).toEqual([]);
  });

  test('a rule that keep-firewall-rule has left, unless that is still asked for', async () => {
    const rules = [storedRule('gha-kept-203-0-113-9', '203.0.113.9')];
    expect((await auditRules({}, rules)).findings).toHaveLength(1);
    expect((await auditRules({ 'keep-firewall-rule': 'true' }, rules)).findings).toEqual([]);
  });

  test('a temporary rule of a run: only once that has ended, which is asked once; an unknown run is reported as unknown', async () => {
    const rules = [
      storedRule('gha-temporary-1-10-1-aaaaaaaa', '203.0.113.1'),
      storedRule('gha-temporary-1-10-1-bbbbbbbb', '203.0.113.2'),
      storedRule('gha-temporary-1-11-2-cccccccc', '203.0.113.3'),
      storedRule('gha-temporary-2-12-1-dddddddd', '203.0.113.4'),
      storedRule('gha-temporary-forged', '203.0.113.5'),
    ];
    const { asked, findings } = await auditRules({}, rules, (run) =>
      run === '1/10/1' ? present(true) : run === '1/11/2' ? present(false) : unknown(new Error('HTTP 404')),
    );
    expect(asked.sort()).toEqual(['1/10/1', '1/11/2', '2/12/1']);
    expect(findings).toEqual([
      { name: 'gha-temporary-1-10-1-aaaaaaaa', kind: 'unexpected', actual: '203.0.113.1' },
      { name: 'gha-temporary-1-10-1-bbbbbbbb', kind: 'unexpected', actual: '203.0.113.2' },
      {
        name: 'gha-temporary-2-12-1-dddddddd',
        kind: 'unknown',
        actual: expect.stringMatching(/^203\.0\.113\.4: .*HTTP 404/),
      },
      { name: 'gha-temporary-forged', kind: 'unexpected', actual: '203.0.113.5' },
    ]);
  });

  test('are looked at by a check alone, and nothing would close them', () => {
    expect(undeclaredFirewallRuleHandler.desired(ensureConfig({ 'on-drift': 'fix' }))).toEqual([]);
    const desired = single(undeclaredFirewallRuleHandler.desired(checkConfig()));
    const hole = { name: 'x', start: '192.0.2.1', end: '192.0.2.1', ended: undefined };
    for (const difference of undeclaredFirewallRuleHandler.diff(desired, present([hole])))
      expect(difference).not.toHaveProperty('change');
  });
});

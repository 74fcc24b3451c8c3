import { describe, expect, test } from 'vitest';
import type { StoredFirewallRule } from '../../../../src/azure/reader.ts';
import type { RunIdentity } from '../../../../src/common/resource-names.ts';
import { absent, type Lookup, present, unknown } from '../../../../src/reconcile/findings.ts';
import {
  type FirewallAuditSource,
  undeclaredFirewallRuleHandler,
} from '../../../../src/resources/firewall-rule/undeclared-firewall-rules.ts';
import { single } from '../../../helpers/unit/single.ts';
import {
  checkConfig,
  ensureConfig,
  type InputValues,
  pushEvent,
  repository,
} from '../../../helpers/unit/test-configs.ts';

const storedRule = (name: string, start: string, end = start): StoredFirewallRule => ({ name, start, end });

/** The findings of a check for these rules, and the runs that it requested from GitHub. */
async function auditRules(
  given: InputValues,
  rules: readonly StoredFirewallRule[],
  ended: (run: string) => Lookup<boolean> = () => present(true),
) {
  const requestedRuns: string[] = [];
  const desired = single(undeclaredFirewallRuleHandler.desired(checkConfig(given)));
  const source: FirewallAuditSource = {
    signal: new AbortController().signal,
    listFirewallRules: async () => rules,
    hasRunEnded: async ({ repositoryId, runId, runAttempt }: RunIdentity) => {
      const run = `${repositoryId}/${runId}/${runAttempt}`;
      requestedRuns.push(run);
      return ended(run);
    },
  };
  const [observed = absent] = await undeclaredFirewallRuleHandler.observe(source, [desired]);
  const findings = undeclaredFirewallRuleHandler
    .diff(desired, observed)
    .flatMap(({ finding }) => finding ?? []);
  return { requestedRuns, findings: findings.map(({ name, kind, actual }) => ({ name, kind, actual })) };
}

describe('a firewall rule that is not declared', () => {
  test('is a finding; a rule is declared by its name in any case, or by its range if the declaration has no name', async () => {
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

  test('is one that admits any Azure service, unless allow-azure-services is true', async () => {
    const rules = [storedRule('AllowAllAzure_2026-1-2', '0.0.0.0')];
    expect((await auditRules({}, rules)).findings).toHaveLength(1);
    expect((await auditRules({ 'allow-azure-services': 'true' }, rules)).findings).toEqual([]);
  });

  test('is a persistent rule of an earlier job, unless keep-firewall-rule is true', async () => {
    const rules = [storedRule('gha-kept-203-0-113-9', '203.0.113.9')];
    expect((await auditRules({}, rules)).findings).toHaveLength(1);
    expect((await auditRules({ 'keep-firewall-rule': 'true' }, rules)).findings).toEqual([]);
  });

  test.each([
    ['a rule', 'office', '203.0.113.9', 'declare it with allowed-ip-ranges, or delete it'],
    [
      'the rule for Azure services',
      'azure',
      '0.0.0.0',
      'declare it with allow-azure-services: true, or delete it',
    ],
    [
      'a kept rule',
      `gha-kept-${repository.id}-20261126-203-0-113-9`,
      '203.0.113.9',
      /keep-firewall-rule: true .*kept-rules-older-than deletes it/,
    ],
    [
      'a kept rule of an earlier version',
      'gha-kept-203-0-113-9',
      '203.0.113.9',
      /^declare it with allowed-ip-ranges/,
    ],
    [
      'a kept rule of another repository',
      'gha-kept-1-20261126-203-0-113-9',
      '203.0.113.9',
      /^declare it with allowed-ip-ranges/,
    ],
  ])('has a remedy that works for %s', (_, name, address, remedy) => {
    const desired = single(undeclaredFirewallRuleHandler.desired(checkConfig({}, pushEvent)));
    const rule = { ...storedRule(name, address), ended: undefined };
    expect(undeclaredFirewallRuleHandler.diff(desired, present([rule]))).toEqual([
      expect.objectContaining({
        remedy: typeof remedy === 'string' ? remedy : expect.stringMatching(remedy),
      }),
    ]);
  });

  test('is a temporary rule once its run has ended, which GitHub is asked once for each run; a run that GitHub does not know is unknown', async () => {
    const rules = [
      storedRule('gha-temporary-1-10-1-aaaaaaaa', '203.0.113.1'),
      storedRule('gha-temporary-1-10-1-bbbbbbbb', '203.0.113.2'),
      storedRule('gha-temporary-1-11-2-cccccccc', '203.0.113.3'),
      storedRule('gha-temporary-2-12-1-dddddddd', '203.0.113.4'),
      storedRule('gha-temporary-forged', '203.0.113.5'),
    ];
    const { requestedRuns, findings } = await auditRules({}, rules, (run) =>
      run === '1/10/1' ? present(true) : run === '1/11/2' ? present(false) : unknown(new Error('HTTP 404')),
    );
    expect(requestedRuns.sort()).toEqual(['1/10/1', '1/11/2', '2/12/1']);
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

  test('is reported by check alone, and without a change that would delete it', () => {
    expect(undeclaredFirewallRuleHandler.desired(ensureConfig({ 'on-drift': 'fix' }))).toEqual([]);
    const desired = single(undeclaredFirewallRuleHandler.desired(checkConfig()));
    const rule = { name: 'x', start: '192.0.2.1', end: '192.0.2.1', ended: undefined };
    for (const diff of undeclaredFirewallRuleHandler.diff(desired, present([rule])))
      expect(diff).not.toHaveProperty('change');
  });
});

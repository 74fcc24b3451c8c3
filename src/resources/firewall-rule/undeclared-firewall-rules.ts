import type { StoredFirewallRule } from '../../azure/reader.ts';
import { AZURE_SERVICES_RANGE, isSameRange } from '../../common/addresses.ts';
import {
  isPersistentRuleName,
  parsePersistentRuleName,
  parseTemporaryRuleName,
  type RunIdentity,
} from '../../common/resource-names.ts';
import type { Config, DeclaredRule } from '../../inputs/types.ts';
import { type Diff, type Lookup, type Observed, present, unknown } from '../../reconcile/findings.ts';
import type { ResourceHandler } from '../../reconcile/resource-handler.ts';
import { formatRange, matchesDeclaration } from './firewall-rule-handler.ts';

interface DeclaredFirewallRules {
  readonly declared: readonly DeclaredRule[];
  /** Whether persistent rules of jobs (`keep-firewall-rule`) are declared. */
  readonly allowsPersistentRules: boolean;
  /** Numeric id of the repository, whose persistent rules its sweep can delete. */
  readonly repositoryId: string;
}

interface AuditedFirewallRule extends StoredFirewallRule {
  /** Whether the run that created a temporary rule has ended; undefined for other rules. */
  readonly ended: Lookup<boolean> | undefined;
}

/** Reads the rules from ARM, and from GitHub whether the run of a temporary rule has ended. */
export interface FirewallAuditSource {
  /** Aborted when the run ends. */
  readonly signal: AbortSignal;
  listFirewallRules(): Promise<readonly StoredFirewallRule[]>;
  hasRunEnded(run: RunIdentity): Promise<Lookup<boolean>>;
}

/**
 * Firewall rules that are not declared. Only `check` reports them, and no mode deletes them, because their owner is
 * unknown. A temporary rule counts once its run has ended.
 */
export const undeclaredFirewallRuleHandler: ResourceHandler<
  DeclaredFirewallRules,
  readonly AuditedFirewallRule[],
  FirewallAuditSource,
  never
> = {
  resource: 'firewall rule',

  desired: (config: Config): readonly DeclaredFirewallRules[] =>
    config.mode === 'check'
      ? [
          {
            declared: config.firewall.declaredRules,
            allowsPersistentRules: config.firewall.keepRule,
            repositoryId: config.repository.id,
          },
        ]
      : [],

  nameOf: () => '',

  async observe(source): Promise<readonly Observed<readonly AuditedFirewallRule[]>[]> {
    try {
      return [present(await addRunStates(source, await source.listFirewallRules()))];
    } catch (error) {
      source.signal.throwIfAborted();
      if (!(error instanceof Error)) throw error;
      return [unknown(error)];
    }
  },

  diff({ declared, allowsPersistentRules, repositoryId }, observed): readonly Diff[] {
    if (observed.status !== 'present') return [];
    return observed.value
      .filter((rule) => !declared.some((declaredRule) => matchesDeclaration(declaredRule, rule)))
      .filter(({ name }) => !(allowsPersistentRules && isPersistentRuleName(name)))
      .flatMap((rule) => undeclaredRuleDiff(rule, repositoryId));
  },

  apply: () => Promise.reject(new Error('undeclared firewall rules are only reported')),
};

/** Concurrent requests to GitHub, which accepts a hundred. */
const GITHUB_CONCURRENCY = 4;

/** Reads each run once, however many rules it has left. */
async function addRunStates(
  source: FirewallAuditSource,
  rules: readonly StoredFirewallRule[],
): Promise<readonly AuditedFirewallRule[]> {
  const runs = new Map<string, RunIdentity>();
  for (const { name } of rules) {
    const run = parseTemporaryRuleName(name);
    if (run !== undefined) runs.set(name, run);
  }
  const runStates = new Map<string, Lookup<boolean>>();
  const queue = [...new Map([...runs.values()].map((run) => [runKey(run), run]))];
  const runWorker = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift())
      runStates.set(entry[0], await source.hasRunEnded(entry[1]));
  };
  await Promise.all(Array.from({ length: GITHUB_CONCURRENCY }, runWorker));
  return rules.map((rule) => {
    const run = runs.get(rule.name);
    return { ...rule, ended: run && runStates.get(runKey(run)) };
  });
}

const runKey = ({ repositoryId, runId, runAttempt }: RunIdentity): string =>
  [repositoryId, runId, runAttempt].join('/');

function undeclaredRuleDiff(rule: AuditedFirewallRule, repositoryId: string): readonly Diff[] {
  const { name, ended } = rule;
  if (ended?.status === 'present' && !ended.value) return [];
  const finding = {
    resource: 'firewall rule',
    name,
    property: 'range',
    expected: 'absent',
    actual: formatRange(rule),
  } as const;
  if (ended?.status === 'unknown') {
    const reason = `${formatRange(rule)}: whether the run that created it has ended is unknown. ${ended.error.message}`;
    const remedy = 'its run deletes it, or mode: sweep in its repository';
    return [{ finding: { ...finding, actual: reason, kind: 'unknown' }, remedy }];
  }
  const remedy =
    ended === undefined
      ? permanentRuleRemedy(rule, repositoryId)
      : 'its run has ended: mode: sweep deletes it';
  return [{ finding: { ...finding, kind: 'unexpected' }, remedy }];
}

function permanentRuleRemedy(rule: AuditedFirewallRule, repositoryId: string): string {
  if (isSameRange(rule, AZURE_SERVICES_RANGE))
    return 'declare it with allow-azure-services: true, or delete it';
  return parsePersistentRuleName(rule.name)?.repositoryId === repositoryId
    ? 'set keep-firewall-rule: true if jobs need it; otherwise mode: sweep with kept-rules-older-than deletes it'
    : 'declare it with allowed-ip-ranges, or delete it';
}

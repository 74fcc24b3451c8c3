import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Location, Log, ReportingDescriptor, Result } from 'sarif';
import { type Finding, isDrift, type ReportedFinding, type ResourceType } from '../reconcile/findings.ts';
import { type DriftCheckResult, resourceTypes, sortFindings } from './drift-check.ts';
import { findConfigLine } from './finding-source.ts';
import { formatFinding } from './finding-texts.ts';

/**
 * The result of a check in SARIF 2.1.0 for GitHub code scanning: one alert for each finding. GitHub identifies an alert by
 * its fingerprint, and closes it with the first report without it.
 * Sources: OASIS SARIF 2.1.0; "SARIF support for code scanning" in GitHub's documentation. GitHub requires a location in a
 * file and a help text for every rule, and uses only the fingerprint `primaryLocationLineHash`.
 */
export function renderSarifReport(check: DriftCheckResult): string {
  const results = [...sortFindings(check.findings), ...declaredWideOpenFindings(check)].map((finding) =>
    toResult(check, finding),
  );
  const log: Log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'azure-postgresql-action', rules } },
        automationDetails: { id: sarifCategory(check) },
        invocations: [
          {
            executionSuccessful: check.findings.every(isDrift),
            endTimeUtc: check.checkedAt.toISOString(),
          },
        ],
        originalUriBaseIds: { [SOURCE_ROOT_ID]: { description: { text: 'The root of the repository.' } } },
        columnKind: 'utf16CodeUnits',
        results,
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

const SOURCE_ROOT_ID = '%SRCROOT%';

/** GitHub uses the part before the last slash as the category; a report replaces the previous one of its category. */
function sarifCategory({ server, database }: DriftCheckResult): string {
  const names = database === undefined ? [server] : [server, database];
  return `azure-postgresql-action/${names.map((name) => encodeURIComponent(name.toWellFormed())).join('/')}/`;
}

const RULE_TEXTS: Readonly<
  Record<Finding['kind'], { readonly shortText: string; readonly fullText: string; readonly help: string }>
> = {
  changed: {
    shortText: 'differs from the inputs',
    fullText: 'The actual value in Azure or PostgreSQL differs from the value that an input declares.',
    help: 'Run the action with `mode: ensure` and `on-drift: fix` to change it in place, or declare the actual value. The message states which of these is possible.',
  },
  missing: {
    shortText: 'is declared, but does not exist',
    fullText: 'An input declares this resource, but it does not exist in Azure or PostgreSQL.',
    help: 'Run the action with `mode: ensure` to create it, or remove it from the inputs.',
  },
  unexpected: {
    shortText: 'exists, but is not declared',
    fullText: 'This resource exists, but no input declares it.',
    help: 'Declare it, or remove it.',
  },
  unknown: {
    shortText: 'could not be checked',
    fullText:
      'It is unknown whether this resource matches the inputs. Code scanning closes the alerts of earlier checks for this resource, and reopens them when a later check reports them again.',
    help: 'The message states why the resource could not be checked. Give the identity permission to read it, or run the check on a runner that can connect to the server.',
  },
};

const WIDE_OPEN_RULE_ID = 'firewall-rule/wide-open';

const ruleIdOf = ({ resource, kind }: Pick<Finding, 'resource' | 'kind'>): string =>
  `${resource.replaceAll(' ', '-')}/${kind}`;

const toPascalCase = (words: string): string =>
  words.replaceAll(/(?:^|[ -])(\w)/g, (_, letter: string) => letter.toUpperCase());

/** All rules, in every report, as GitHub requires. */
const rules: ReportingDescriptor[] = [
  ...resourceTypes.flatMap((resource) =>
    (['changed', 'missing', 'unexpected', 'unknown'] as const).map((kind) => createRule(resource, kind)),
  ),
  {
    id: WIDE_OPEN_RULE_ID,
    name: 'FirewallRuleWideOpen',
    shortDescription: { text: 'Firewall rule admits the whole internet' },
    fullDescription: {
      text: 'This rule, declared or not, admits half of all IPv4 addresses or more to the server.',
    },
    help: toHelpMessage(
      'Remove the rule, or declare only the addresses that need access with `allowed-ip-ranges`.',
    ),
    defaultConfiguration: { level: 'error' },
    properties: {
      precision: 'very-high',
      'problem.severity': 'error',
      'security-severity': '8.0',
      tags: ['azure', 'drift', 'postgresql', 'security'],
    },
  },
];

function createRule(resource: ResourceType, kind: Finding['kind']): ReportingDescriptor {
  const { shortText, fullText, help: helpText } = RULE_TEXTS[kind];
  const level = kind === 'unknown' ? 'note' : 'warning';
  return {
    id: ruleIdOf({ resource, kind }),
    name: toPascalCase(`${resource} ${kind}`),
    shortDescription: { text: `${resource.charAt(0).toUpperCase()}${resource.slice(1)} ${shortText}` },
    fullDescription: { text: fullText },
    help: toHelpMessage(helpText),
    defaultConfiguration: { level },
    properties: {
      precision: 'very-high',
      'problem.severity': level === 'note' ? 'recommendation' : level,
      tags: ['azure', 'drift', 'postgresql'],
    },
  };
}

function toHelpMessage(markdown: string): { text: string; markdown: string } {
  return { text: markdown.replaceAll('`', ''), markdown };
}

const ruleIndexById: ReadonlyMap<string, number> = new Map(rules.map(({ id }, index) => [id, index]));

function toResult(check: DriftCheckResult, finding: ReportedFinding): Result {
  const isWideOpen = isWideOpenFinding(check, finding);
  const ruleId = isWideOpen ? WIDE_OPEN_RULE_ID : ruleIdOf(finding);
  const { resource, name, property, expected, actual, kind, remedy } = finding;
  return {
    ruleId,
    ruleIndex: ruleIndexById.get(ruleId) ?? -1,
    level: isWideOpen ? 'error' : kind === 'unknown' ? 'note' : 'warning',
    message: { text: renderMessage(finding) },
    locations: [toLocation(check, finding)],
    partialFingerprints: { primaryLocationLineHash: computeFingerprint(check, finding) },
    properties: { resource, name, property, expected, actual, kind, remedy },
  };
}

const isWideOpenFinding = ({ wideOpenRules }: DriftCheckResult, { resource, name, kind }: Finding): boolean =>
  resource === 'firewall rule' &&
  (kind === 'unexpected' || kind === 'changed') &&
  wideOpenRules.includes(name);

/** Declared rules that admit the whole internet: not drift, but an alert. */
function declaredWideOpenFindings(check: DriftCheckResult): readonly ReportedFinding[] {
  const { wideOpenRules, findings } = check;
  const reported = new Set(
    findings.filter((finding) => isWideOpenFinding(check, finding)).map(({ name }) => name),
  );
  return wideOpenRules
    .filter((name) => !reported.has(name))
    .map((name) => ({
      resource: 'firewall rule',
      name,
      property: 'range',
      expected: 'the addresses that need access',
      actual: 'the whole internet',
      kind: 'unexpected',
      remedy: 'declare only the addresses that need access with allowed-ip-ranges',
    }));
}

/** One sentence, because GitHub shows only the first one if space is limited. */
function renderMessage(finding: ReportedFinding): string {
  const parts = [formatFinding(finding), finding.remedy];
  const sentence = parts.map((part) => part.replace(/\.$/, '')).filter(Boolean);
  return escapeMessage(`${sentence.join('; ')}.`);
}

/**
 * Text from outside as a SARIF message: braces are doubled (§3.11.5), because `{0}` is a placeholder, and brackets
 * cannot form an embedded link (§3.11.6). A backslash before the bracket is not enough, because a preceding backslash
 * would escape it.
 */
const escapeMessage = (text: string): string =>
  text.replaceAll(/\s+/g, ' ').replaceAll(/[{}]/g, '$&$&').replaceAll('](', '] (');

/**
 * Identifies an alert across checks. It does not contain the actual value, which may change while the drift persists. It
 * contains the server and the database, because GitHub merges equal fingerprints of all categories into one alert.
 */
function computeFingerprint(
  { server, database }: DriftCheckResult,
  { resource, name, property }: Finding,
): string {
  const identity = JSON.stringify([server, database ?? null, resource, name, property]);
  return createHash('sha256').update(identity).digest('hex');
}

/** Location of an alert without a config-file and a workflow file: GitHub requires a path. */
const FALLBACK_PATH = '.github/workflows';

/** Location of the declaration. A region with only a start line is that whole line (§3.30.5). */
function toLocation({ configSource, workflowFile }: DriftCheckResult, finding: Finding): Location {
  const configFile = configSource && toRelativeUri(configSource.path);
  const uri = configFile ?? toRelativeUri(workflowFile ?? '') ?? FALLBACK_PATH;
  const startLine = (configFile !== undefined && configSource && findConfigLine(finding, configSource)) || 1;
  return {
    physicalLocation: { artifactLocation: { uri, uriBaseId: SOURCE_ROOT_ID }, region: { startLine } },
  };
}

/** Relative URI of a path in the repository; undefined for a path outside it, which code scanning cannot show. */
function toRelativeUri(path: string): string | undefined {
  const normal = posix.normalize(path.replaceAll('\\', '/').toWellFormed());
  if (/^(\/|[a-z]:|\.\.?(\/|$))/i.test(normal)) return undefined;
  return normal.split('/').map(encodeURIComponent).join('/');
}

import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Location, Log, ReportingDescriptor, Result } from 'sarif';
import { type Finding, isDrift, type ReportedFinding, type ResourceType } from '../reconcile/findings.ts';
import { type DriftCheckResult, resourceTypes, sortFindings } from './drift-report.ts';
import { findConfigLine } from './finding-source.ts';
import { formatFinding } from './summary.ts';

/**
 * A check in SARIF 2.1.0, as GitHub's code scanning takes it: an alert for each finding, known again by its fingerprint,
 * and closed by the first report without it.
 * Sources: OASIS SARIF 2.1.0; «SARIF support for code scanning» in GitHub's documentation for what is required there:
 * a location in a file, help of every rule, and `primaryLocationLineHash`, the only fingerprint that it uses.
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

/** GitHub takes what stands before the last slash for the category; a report replaces the one before it of its category. */
function sarifCategory({ server, database }: DriftCheckResult): string {
  const names = database === undefined ? [server] : [server, database];
  return `azure-postgresql-action/${names.map((name) => encodeURIComponent(name.toWellFormed())).join('/')}/`;
}

const RULE_TEXTS: Readonly<
  Record<Finding['kind'], { readonly shortText: string; readonly fullText: string; readonly help: string }>
> = {
  changed: {
    shortText: 'differs from what is declared',
    fullText: 'An input declares it otherwise than Azure or PostgreSQL tells of it.',
    help: 'Run the action with `mode: ensure` and `on-drift: fix` to change it in place, or declare what is there. The message says which of it is possible.',
  },
  missing: {
    shortText: 'is declared, but missing',
    fullText: 'An input declares it, and Azure or PostgreSQL says that it is not there.',
    help: 'Run the action with `mode: ensure` to create it, or take it out of the inputs.',
  },
  unexpected: {
    shortText: 'is there, but not declared',
    fullText: 'No input declares it, and it matters that it is there.',
    help: 'Declare it, or remove it.',
  },
  unknown: {
    shortText: 'could not be looked at',
    fullText:
      'Whether it is as declared is unknown. Alerts of earlier checks that this one could not look at are closed by code scanning, and open again as soon as they are seen.',
    help: 'The message says why it could not be looked at. Give the identity the right to read it, or run the check from where the server can be reached.',
  },
};

const WIDE_OPEN_RULE_ID = 'firewall-rule/wide-open';

const ruleIdOf = ({ resource, kind }: Pick<Finding, 'resource' | 'kind'>): string =>
  `${resource.replaceAll(' ', '-')}/${kind}`;

const toPascalCase = (words: string): string =>
  words.replaceAll(/(?:^|[ -])(\w)/g, (_, letter: string) => letter.toUpperCase());

/** The same in every report, as GitHub asks for, whatever was found. */
const rules: ReportingDescriptor[] = [
  ...resourceTypes.flatMap((resource) =>
    (['changed', 'missing', 'unexpected', 'unknown'] as const).map((kind) => createRule(resource, kind)),
  ),
  {
    id: WIDE_OPEN_RULE_ID,
    name: 'FirewallRuleWideOpen',
    shortDescription: { text: 'Firewall rule lets the whole internet in' },
    fullDescription: {
      text: 'This rule, whether it is declared or not, lets half of the internet or all of it try to log in to the server.',
    },
    help: toHelpMessage(
      'Remove the rule, or declare with `allowed-ip-ranges` only the addresses that need it.',
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

/** Rules that let everybody in as somebody declared: no drift, and an alert all the same. */
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
      expected: 'the addresses that need it',
      actual: 'the whole internet',
      kind: 'unexpected',
      remedy: 'declare with allowed-ip-ranges only the addresses that need it',
    }));
}

/** In one sentence, since GitHub shows the first alone where there is little room. */
function renderMessage(finding: ReportedFinding): string {
  const line = formatFinding(finding);
  const parts = [line.charAt(0).toUpperCase() + line.slice(1), finding.remedy];
  const sentence = parts.map((part) => part.replace(/\.$/, '')).filter(Boolean);
  return escapeMessage(`${sentence.join('; ')}.`);
}

/**
 * Text from outside as a SARIF message: braces are doubled (§3.11.5, else `{0}` were a placeholder), and nothing is an
 * embedded link (§3.11.6). A backslash before the bracket would not do, since another one before it undoes it.
 */
const escapeMessage = (text: string): string =>
  text.replaceAll(/\s+/g, ' ').replaceAll(/[{}]/g, '$&$&').replaceAll('](', '] (');

/**
 * By which an alert is known again over nights: of the actual value nothing, since that may change while it is the same
 * drift; of server and database the names, since GitHub takes equal fingerprints for one alert over all categories.
 */
function computeFingerprint(
  { server, database }: DriftCheckResult,
  { resource, name, property }: Finding,
): string {
  const identity = JSON.stringify([server, database ?? null, resource, name, property]);
  return createHash('sha256').update(identity).digest('hex');
}

/** Where an alert stands when neither a config-file nor a workflow's file is known: GitHub wants a path in any case. */
const FALLBACK_PATH = '.github/workflows';

/** The place of the declaration: a region with its first line alone is that whole line (§3.30.5). */
function toLocation({ configSource, workflowFile }: DriftCheckResult, finding: Finding): Location {
  const configFile = configSource && toRelativeUri(configSource.path);
  const uri = configFile ?? toRelativeUri(workflowFile ?? '') ?? FALLBACK_PATH;
  const startLine = (configFile !== undefined && configSource && findConfigLine(finding, configSource)) || 1;
  return {
    physicalLocation: { artifactLocation: { uri, uriBaseId: SOURCE_ROOT_ID }, region: { startLine } },
  };
}

/** A path inside the repository as a relative URI; undefined where it leads out of it, which code scanning cannot show. */
function toRelativeUri(path: string): string | undefined {
  const normal = posix.normalize(path.replaceAll('\\', '/').toWellFormed());
  if (/^(\/|[a-z]:|\.\.?(\/|$))/i.test(normal)) return undefined;
  return normal.split('/').map(encodeURIComponent).join('/');
}

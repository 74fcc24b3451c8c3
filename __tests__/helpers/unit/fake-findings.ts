import fc from 'fast-check';
import type { IssueStep } from '../../../src/github/sync-issue.ts';
import type { ReportedFinding } from '../../../src/reconcile/findings.ts';
import { type DriftCheckResult, resourceTypes } from '../../../src/reporting/drift-check.ts';
import { planIssueStep } from '../../../src/reporting/drift-issue.ts';
import { maliciousMarkdown } from './markdown.ts';

/** The server has another size than declared. */
export const changedFinding = (overrides: Partial<ReportedFinding> = {}): ReportedFinding => ({
  resource: 'server',
  name: 'demo-relecloud',
  property: 'sku',
  expected: 'Standard_B1ms',
  actual: 'Standard_D2ds_v5',
  kind: 'changed',
  remedy: 'run mode: ensure with on-drift: fix to change it in place',
  ...overrides,
});

/** The application role could not be checked. */
export const unknownFinding = (overrides: Partial<ReportedFinding> = {}): ReportedFinding => ({
  resource: 'role',
  name: 'relecloud_app',
  property: '',
  expected: '',
  actual: 'this runner cannot log in',
  kind: 'unknown',
  remedy: 'allow this runner',
  ...overrides,
});

export const createDriftCheck = (overrides: Partial<DriftCheckResult> = {}): DriftCheckResult => ({
  server: 'demo-relecloud',
  serverId: '/subscriptions/0/servers/demo-relecloud',
  database: 'relecloud',
  findings: [changedFinding()],
  wideOpenRules: [],
  checkedAt: new Date('2026-02-03T04:05:06.789Z'),
  repository: 'relecloud/tours',
  runUrl: 'https://github.com/relecloud/tours/actions/runs/1',
  configSource: undefined,
  workflowFile: '.github/workflows/nightly.yml',
  ...overrides,
});

/** Any finding whose texts contain markup. */
export const anyFinding = fc.record<ReportedFinding>({
  resource: fc.constantFrom(...resourceTypes),
  name: maliciousMarkdown,
  property: fc.oneof(maliciousMarkdown, fc.constant('')),
  expected: maliciousMarkdown,
  actual: maliciousMarkdown,
  kind: fc.constantFrom('changed', 'missing', 'unexpected', 'unknown'),
  remedy: fc.oneof(maliciousMarkdown, fc.constant('')),
});

/** The planned title and body of the issue; fails if the plan is not to write. */
export function expectIssueWrite(
  check: DriftCheckResult,
  existing?: string,
): Extract<IssueStep, { readonly title: string }> {
  const step = planIssueStep(check, existing);
  if (step.action !== 'open' && step.action !== 'update') throw new Error(`planned action: ${step.action}`);
  return step;
}

/** The rows of the tables in a body. */
export const findingRows = (body: string): readonly string[] =>
  body.split('\n').filter((line) => /^\| (?!---|What |Not checked )/.test(line));

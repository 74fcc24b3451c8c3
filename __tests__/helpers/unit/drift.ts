import fc from 'fast-check';
import { type IssueStep, issueStep } from '../../../src/plan/drift-issue.ts';
import { type DriftCheck, resourceTypes } from '../../../src/plan/drift-report.ts';
import type { Standing } from '../../../src/plan/types.ts';
import { evil } from './markdown.ts';

/** A finding of a check: the server has another size than is declared. */
export const found = (some: Partial<Standing> = {}): Standing => ({
  resource: 'server',
  name: 'demo-relecloud',
  property: 'sku',
  expected: 'Standard_B1ms',
  actual: 'Standard_D2ds_v5',
  kind: 'changed',
  remedy: 'mode: ensure with on-drift: fix changes it in place',
  ...some,
});

/** Something that a check could not look at: the application role. */
export const unseen = (some: Partial<Standing> = {}): Standing => ({
  resource: 'role',
  name: 'relecloud_app',
  property: '',
  expected: '',
  actual: 'this runner cannot log in',
  kind: 'unknown',
  remedy: 'let this runner in',
  ...some,
});

export const driftCheck = (some: Partial<DriftCheck> = {}): DriftCheck => ({
  server: 'demo-relecloud',
  serverId: '/subscriptions/0/servers/demo-relecloud',
  database: 'relecloud',
  findings: [found()],
  wideOpen: [],
  at: new Date('2026-02-03T04:05:06.789Z'),
  repository: 'relecloud/tours',
  run: 'https://github.com/relecloud/tours/actions/runs/1',
  declaredIn: undefined,
  workflow: '.github/workflows/nightly.yml',
  ...some,
});

/** Any finding, of which all text tries to become markup. */
export const anyFinding = fc.record<Standing>({
  resource: fc.constantFrom(...resourceTypes),
  name: evil,
  property: fc.oneof(evil, fc.constant('')),
  expected: evil,
  actual: evil,
  kind: fc.constantFrom('changed', 'missing', 'unexpected', 'unknown'),
  remedy: fc.oneof(evil, fc.constant('')),
});

/** The issue that is to be written; fails where none is. */
export function issueWritten(
  check: DriftCheck,
  existing?: string,
): Extract<IssueStep, { readonly title: string }> {
  const step = issueStep(check, existing);
  if (step.action !== 'open' && step.action !== 'update') throw new Error(`it is to ${step.action}`);
  return step;
}

/** The rows of the tables in a body of ours. */
export const rowsOf = (body: string): readonly string[] =>
  body.split('\n').filter((line) => line.startsWith('| `'));

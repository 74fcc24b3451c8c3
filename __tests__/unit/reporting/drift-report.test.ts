import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import type { ReportedFinding } from '../../../src/reconcile/findings.ts';
import { resourceTypes, sortFindings } from '../../../src/reporting/drift-check.ts';
import { renderJsonReport, writeDriftReports } from '../../../src/reporting/drift-report.ts';
import {
  anyFinding,
  changedFinding,
  createDriftCheck,
  unknownFinding,
} from '../../helpers/unit/fake-findings.ts';
import { test } from '../../helpers/unit/test.ts';
import { errorOf } from '../../helpers/unit/test-run.ts';

const skuFinding = changedFinding();
const check = createDriftCheck({
  findings: [unknownFinding(), skuFinding],
  wideOpenRules: ['open', 'Everybody'],
  configSource: { path: 'db/azure.yml', lines: new Map() },
});

describe('the JSON report', () => {
  test('the checked server, time, run and findings', () => {
    expect(JSON.parse(renderJsonReport(check))).toEqual({
      version: 1,
      at: '2026-02-03T04:05:06.789Z',
      repository: 'relecloud/tours',
      run: 'https://github.com/relecloud/tours/actions/runs/1',
      workflow: '.github/workflows/nightly.yml',
      configFile: 'db/azure.yml',
      server: 'demo-relecloud',
      serverId: '/subscriptions/0/servers/demo-relecloud',
      database: 'relecloud',
      drifted: true,
      drift: [skuFinding, unknownFinding()],
      wideOpen: ['Everybody', 'open'],
    });
  });

  test('missing values are null, so that every field exists', () => {
    const nothing = { serverId: undefined, database: undefined, runUrl: undefined };
    const report = renderJsonReport({
      ...check,
      ...nothing,
      configSource: undefined,
      workflowFile: undefined,
    });
    expect(JSON.parse(report)).toMatchObject({
      serverId: null,
      database: null,
      run: null,
      workflow: null,
      configFile: null,
    });
  });

  test('an unknown resource is listed, but is not drift', () => {
    const report = JSON.parse(renderJsonReport({ ...check, findings: [unknownFinding()] }));
    expect(report).toMatchObject({ drifted: false, drift: [unknownFinding()] });
    expect(JSON.parse(renderJsonReport({ ...check, findings: [] }))).toMatchObject({
      drifted: false,
      drift: [],
    });
  });

  test('it is indented by two spaces and ends with a line break', () => {
    expect(renderJsonReport(check)).toMatch(/^{\n {2}"version": 1,\n/);
    expect(renderJsonReport(check)).toMatch(/\n}\n$/);
  });

  test('the text does not depend on the order of findings, and contains them unchanged', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyFinding, { maxLength: 8, selector: (f) => JSON.stringify(f) }),
        fc.infiniteStream(fc.nat()),
        (findings, random) => {
          const keys = new Map(findings.map((f) => [f, random.next().value ?? 0]));
          const shuffled = findings.toSorted((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
          const identity = ({ expected: _, remedy: __, ...rest }: ReportedFinding) => JSON.stringify(rest);
          fc.pre(new Set(findings.map(identity)).size === findings.length);
          const report = renderJsonReport({ ...check, findings });
          expect(renderJsonReport({ ...check, findings: shuffled })).toBe(report);
          expect(JSON.parse(report).drift).toEqual(sortFindings(findings));
        },
      ),
    );
  });

  test('parents come before their children', () => {
    const all = resourceTypes.toReversed().map((resource) => ({ ...skuFinding, resource }));
    expect(sortFindings(all).map(({ resource }) => resource)).toEqual([
      'resource group',
      'server',
      'server parameter',
      'extension allow-list',
      'firewall rule',
      'role',
      'database',
      'extension',
    ]);
  });
});

describe('the files of drift-report', () => {
  const read = (workspace: string, path: string): string => readFileSync(join(workspace, path), 'utf8');

  test('are SARIF or JSON by their extension in any case, in folders that are created', async ({
    workspace,
  }) => {
    await writeDriftReports(['drift.json', 'a/b/Drift.JSON', 'a/c/drift.SARIF'], check);
    expect(read(workspace, 'drift.json')).toBe(renderJsonReport(check));
    expect(read(workspace, 'a/b/Drift.JSON')).toBe(renderJsonReport(check));
    expect(JSON.parse(read(workspace, 'a/c/drift.SARIF'))).toMatchObject({ version: '2.1.0' });
  });

  test('replace existing files', async ({ workspace }) => {
    writeFileSync(join(workspace, 'drift.json'), 'x'.repeat(100_000));
    await writeDriftReports(['drift.json'], check);
    expect(read(workspace, 'drift.json')).toBe(renderJsonReport(check));
  });

  test('a file that cannot be written is an error with its path and reason, after the others are written', async ({
    workspace,
  }) => {
    writeFileSync(join(workspace, 'file'), '');
    const error = await errorOf(writeDriftReports(['file/drift.json', 'drift.sarif'], check));
    expect(String(error)).toMatch(/^Error: file\/drift\.json: (EEXIST|ENOTDIR)/);
    expect(JSON.parse(read(workspace, 'drift.sarif'))).toMatchObject({ version: '2.1.0' });
  });
});

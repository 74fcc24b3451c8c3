import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import type { ReportedFinding } from '../../../src/reconcile/findings.ts';
import { renderJsonReport, resourceTypes, sortFindings } from '../../../src/reporting/drift-report.ts';
import { writeDriftReports } from '../../../src/reporting/drift-report-files.ts';
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

describe('drift-report: the JSON form', () => {
  test('what was checked, when and by which run, and what was found', () => {
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

  test('what is not known is null, so that every field is there', () => {
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

  test('unknown is no drift, but told', () => {
    const report = JSON.parse(renderJsonReport({ ...check, findings: [unknownFinding()] }));
    expect(report).toMatchObject({ drifted: false, drift: [unknownFinding()] });
    expect(JSON.parse(renderJsonReport({ ...check, findings: [] }))).toMatchObject({
      drifted: false,
      drift: [],
    });
  });

  test('indented by two spaces, with a line end behind it', () => {
    expect(renderJsonReport(check)).toMatch(/^{\n {2}"version": 1,\n/);
    expect(renderJsonReport(check)).toMatch(/\n}\n$/);
  });

  test('the same text in whatever order the answers came, and every text as it was', () => {
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

  test('parents stand before what is in them', () => {
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

describe('drift-report: the files', () => {
  const read = (workspace: string, path: string): string => readFileSync(join(workspace, path), 'utf8');

  test('by their ending in any case, below the workspace, in folders that are made', async ({
    workspace,
  }) => {
    await writeDriftReports(['drift.json', 'a/b/Drift.JSON', 'a/c/drift.SARIF'], check);
    expect(read(workspace, 'drift.json')).toBe(renderJsonReport(check));
    expect(read(workspace, 'a/b/Drift.JSON')).toBe(renderJsonReport(check));
    expect(JSON.parse(read(workspace, 'a/c/drift.SARIF'))).toMatchObject({ version: '2.1.0' });
  });

  test('what is there is written over', async ({ workspace }) => {
    writeFileSync(join(workspace, 'drift.json'), 'x'.repeat(100_000));
    await writeDriftReports(['drift.json'], check);
    expect(read(workspace, 'drift.json')).toBe(renderJsonReport(check));
  });

  test('one that cannot be written is named with the reason, and keeps no other from being written', async ({
    workspace,
  }) => {
    writeFileSync(join(workspace, 'file'), '');
    const error = await errorOf(writeDriftReports(['file/drift.json', 'drift.sarif'], check));
    expect(String(error)).toMatch(/^Error: file\/drift\.json: (EEXIST|ENOTDIR)/);
    expect(JSON.parse(read(workspace, 'drift.sarif'))).toMatchObject({ version: '2.1.0' });
  });
});

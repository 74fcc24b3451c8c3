import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { writeDriftFiles } from '../../../src/drift-files.ts';
import { driftReport, inOrder, resourceTypes } from '../../../src/plan/drift-report.ts';
import type { Standing } from '../../../src/plan/types.ts';
import { anyFinding, driftCheck, found, unseen } from '../../helpers/unit/drift.ts';
import { thrownBy } from '../../helpers/unit/run.ts';
import { test } from '../../helpers/unit/test.ts';

const sku = found();
const check = driftCheck({
  findings: [unseen(), sku],
  wideOpen: ['open', 'Everybody'],
  declaredIn: { path: 'db/azure.yml', lines: new Map() },
});

describe('drift-report: the JSON form', () => {
  test('what was checked, when and by which run, and what was found', () => {
    expect(JSON.parse(driftReport(check))).toEqual({
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
      drift: [sku, unseen()],
      wideOpen: ['Everybody', 'open'],
    });
  });

  test('what is not known is null, so that every field is there', () => {
    const nothing = { serverId: undefined, database: undefined, run: undefined };
    const report = driftReport({ ...check, ...nothing, declaredIn: undefined, workflow: undefined });
    expect(JSON.parse(report)).toMatchObject({
      serverId: null,
      database: null,
      run: null,
      workflow: null,
      configFile: null,
    });
  });

  test('unknown is no drift, but told', () => {
    const report = JSON.parse(driftReport({ ...check, findings: [unseen()] }));
    expect(report).toMatchObject({ drifted: false, drift: [unseen()] });
    expect(JSON.parse(driftReport({ ...check, findings: [] }))).toMatchObject({ drifted: false, drift: [] });
  });

  test('indented by two spaces, with a line end behind it', () => {
    expect(driftReport(check)).toMatch(/^{\n {2}"version": 1,\n/);
    expect(driftReport(check)).toMatch(/\n}\n$/);
  });

  test('the same text in whatever order the answers came, and every text as it was', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyFinding, { maxLength: 8, selector: (f) => JSON.stringify(f) }),
        fc.infiniteStream(fc.nat()),
        (findings, random) => {
          const keys = new Map(findings.map((f) => [f, random.next().value ?? 0]));
          const shuffled = findings.toSorted((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
          const identity = ({ expected: _, remedy: __, ...rest }: Standing) => JSON.stringify(rest);
          fc.pre(new Set(findings.map(identity)).size === findings.length);
          const report = driftReport({ ...check, findings });
          expect(driftReport({ ...check, findings: shuffled })).toBe(report);
          expect(JSON.parse(report).drift).toEqual(inOrder(findings));
        },
      ),
    );
  });

  test('parents stand before what is in them', () => {
    const all = resourceTypes.toReversed().map((resource) => ({ ...sku, resource }));
    expect(inOrder(all).map(({ resource }) => resource)).toEqual([
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
    await writeDriftFiles(['drift.json', 'a/b/Drift.JSON', 'a/c/drift.SARIF'], check);
    expect(read(workspace, 'drift.json')).toBe(driftReport(check));
    expect(read(workspace, 'a/b/Drift.JSON')).toBe(driftReport(check));
    expect(JSON.parse(read(workspace, 'a/c/drift.SARIF'))).toMatchObject({ version: '2.1.0' });
  });

  test('what is there is written over', async ({ workspace }) => {
    writeFileSync(join(workspace, 'drift.json'), 'x'.repeat(100_000));
    await writeDriftFiles(['drift.json'], check);
    expect(read(workspace, 'drift.json')).toBe(driftReport(check));
  });

  test('one that cannot be written is named with the reason, and keeps no other from being written', async ({
    workspace,
  }) => {
    writeFileSync(join(workspace, 'file'), '');
    const error = await thrownBy(writeDriftFiles(['file/drift.json', 'drift.sarif'], check));
    expect(String(error)).toMatch(/^Error: file\/drift\.json: (EEXIST|ENOTDIR)/);
    expect(JSON.parse(read(workspace, 'drift.sarif'))).toMatchObject({ version: '2.1.0' });
  });
});

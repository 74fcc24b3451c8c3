import fc from 'fast-check';
import type { Log, Result, Run } from 'sarif';
import { describe, expect, test } from 'vitest';
import type { Finding, ReportedFinding } from '../../../src/reconcile/findings.ts';
import type { DriftCheckResult } from '../../../src/reporting/drift-check.ts';
import { findConfigLine, inputNameOf } from '../../../src/reporting/finding-source.ts';
import { renderSarifReport } from '../../../src/reporting/sarif.ts';
import { anyFinding, changedFinding, createDriftCheck as check } from '../../helpers/unit/fake-findings.ts';
import { maliciousMarkdown } from '../../helpers/unit/markdown.ts';

function sarifRun(given: DriftCheckResult): Run {
  const { runs } = JSON.parse(renderSarifReport(given)) as Log;
  const [run] = runs;
  if (run === undefined) throw new Error('no run');
  return run;
}
function sarifResult(given: DriftCheckResult): Result {
  const [result] = sarifRun(given).results ?? [];
  if (result === undefined) throw new Error('no result');
  return result;
}
const resultUri = (given: DriftCheckResult) =>
  sarifResult(given).locations?.[0]?.physicalLocation?.artifactLocation?.uri;
const resultLine = (given: DriftCheckResult) =>
  sarifResult(given).locations?.[0]?.physicalLocation?.region?.startLine;
const resultFingerprint = (given: DriftCheckResult) =>
  sarifResult(given).partialFingerprints?.['primaryLocationLineHash'];

const anyCheck = fc
  .record({
    server: maliciousMarkdown,
    database: fc.option(maliciousMarkdown, { nil: undefined }),
    findings: fc.array(anyFinding, { maxLength: 5 }),
    workflow: fc.option(maliciousMarkdown, { nil: undefined }),
    path: fc.option(maliciousMarkdown, { nil: undefined }),
  })
  .map(({ path, ...some }) =>
    check({ ...some, configSource: path === undefined ? undefined : { path, lines: new Map() } }),
  );

describe('requirements of GitHub code scanning', () => {
  test('schema, version and one run of one tool', () => {
    const log = JSON.parse(renderSarifReport(check())) as Log;
    expect(log).toMatchObject({
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [{ tool: { driver: { name: 'azure-postgresql-action' } } }],
    });
    expect(log.runs).toHaveLength(1);
  });

  test('every rule has a unique id, and descriptions and help within their limits', () => {
    const { rules = [] } = sarifRun(check()).tool.driver;
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    for (const rule of rules) {
      expect(rule.id).toMatch(/^[a-z-]+\/[a-z-]+$/);
      expect(rule.name).toMatch(/^[A-Z][A-Za-z]{1,254}$/);
      expect(rule.shortDescription?.text).toMatch(/^.{1,1024}$/);
      expect(rule.fullDescription?.text).toMatch(/^.{1,1024}$/);
      expect(rule.help?.text).toMatch(/^[^`]+$/);
      expect(rule.help?.markdown).toMatch(/./);
    }
  });

  test('every result has a rule, a message, one location and a fingerprint', () => {
    fc.assert(
      fc.property(anyCheck, (given) => {
        const { tool, results = [] } = sarifRun(given);
        expect(results).toHaveLength(given.findings.length);
        const isComplete = ({ ruleId, ruleIndex = -1, message, locations, partialFingerprints }: Result) => {
          const place = locations?.[0]?.physicalLocation;
          return (
            tool.driver.rules?.[ruleIndex]?.id === ruleId &&
            message.text !== undefined &&
            /./.test(message.text) &&
            locations?.length === 1 &&
            (place?.region?.startLine ?? 0) > 0 &&
            // A relative URI of a path inside the repository (RFC 3986).
            /^(?!\/|\.\.?(\/|$))([\w.~!*'()-]|%[0-9A-F]{2}|\/)+$/.test(place?.artifactLocation?.uri ?? '') &&
            /^[0-9a-f]{64}$/.test(partialFingerprints?.['primaryLocationLineHash'] ?? '')
          );
        };
        expect(results.filter((result) => !isComplete(result))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('the rules do not depend on the findings', () => {
    const rules = JSON.stringify(sarifRun(check({ findings: [] })).tool);
    fc.assert(fc.property(anyCheck, (given) => JSON.stringify(sarifRun(given).tool) === rules));
  });

  test('without drift, results are empty, which closes the alerts', () => {
    expect(sarifRun(check({ findings: [] })).results).toEqual([]);
  });

  test('one category for each server and database, before the last slash', () => {
    const category = (server: string, database: string | undefined) =>
      sarifRun(check({ server, database })).automationDetails?.id?.replace(/\/[^/]*$/, '');
    expect(category('demo-relecloud', 'relecloud')).toBe('azure-postgresql-action/demo-relecloud/relecloud');
    expect(category('demo-relecloud', undefined)).toBe('azure-postgresql-action/demo-relecloud');
    expect(category('a', 'b/c')).not.toBe(category('a/b', 'c'));
  });
});

describe('levels: a rule that admits the whole internet is an error, drift a warning, unknown a note', () => {
  test.each([
    ['changed', 'warning'],
    ['missing', 'warning'],
    ['unexpected', 'warning'],
    ['unknown', 'note'],
  ] as const)('%s', (kind, level) => {
    expect(sarifResult(check({ findings: [changedFinding({ kind })] }))).toMatchObject({
      ruleId: `server/${kind}`,
      level,
    });
  });

  test('a rule that admits the whole internet and is not declared', () => {
    const rule = changedFinding({
      resource: 'firewall rule',
      name: 'open',
      property: 'range',
      kind: 'unexpected',
    });
    const of = (some: Partial<ReportedFinding>, wideOpen = ['open']) =>
      sarifResult(check({ findings: [{ ...rule, ...some }], wideOpenRules: wideOpen }));
    expect(of({})).toMatchObject({ ruleId: 'firewall-rule/wide-open', level: 'error' });
    expect(of({ kind: 'changed' })).toMatchObject({ ruleId: 'firewall-rule/wide-open', level: 'error' });
    expect(of({}, ['other'])).toMatchObject({ ruleId: 'firewall-rule/unexpected', level: 'warning' });
    expect(of({ kind: 'unknown' })).toMatchObject({ ruleId: 'firewall-rule/unknown', level: 'note' });
    expect(of({ resource: 'database' })).toMatchObject({ ruleId: 'database/unexpected', level: 'warning' });
  });

  test('a check with an unknown resource is not marked as successful', () => {
    const executed = (findings: readonly ReportedFinding[]) =>
      sarifRun(check({ findings })).invocations?.[0]?.executionSuccessful;
    expect(executed([changedFinding()])).toBe(true);
    expect(executed([changedFinding(), changedFinding({ kind: 'unknown' })])).toBe(false);
  });
});

describe('the message', () => {
  test('one sentence with the difference and the remedy', () => {
    expect(sarifResult(check()).message.text).toBe(
      'Server demo-relecloud sku: is Standard_D2ds_v5, declared Standard_B1ms; run mode: ensure with on-drift: fix to change it in place.',
    );
    const unknown = changedFinding({ kind: 'unknown', property: '', actual: 'It was refused.', remedy: '' });
    expect(sarifResult(check({ findings: [unknown] })).message.text).toBe(
      'Server demo-relecloud could not be checked: It was refused.',
    );
  });

  test('text from outside cannot become a placeholder or a link (SARIF §3.11)', () => {
    const pieces = fc.constantFrom('{', '}', '{0}', '[', ']', '(', ')', '](', '\\', '[a](1)', 'x', '\n', ' ');
    const text = fc.array(pieces, { maxLength: 10 }).map((each) => each.join(''));
    fc.assert(
      fc.property(text, text, (actual, remedy) => {
        const message =
          sarifResult(check({ findings: [changedFinding({ actual, remedy })] })).message.text ?? '';
        expect(message.replaceAll(/{{|}}/g, '')).not.toMatch(/[{}]/);
        expect(message).not.toContain('](');
        expect(message).not.toContain('\n');
      }),
    );
  });
});

describe('the fingerprint of an alert', () => {
  test('depends on resource, name and property, not on values, remedy, time and run', () => {
    const later = { actual: 'Standard_B2s', expected: 'Standard_B2ms', remedy: 'another' };
    expect(
      resultFingerprint(
        check({ findings: [changedFinding(later)], checkedAt: new Date(0), runUrl: 'https://b' }),
      ),
    ).toBe(resultFingerprint(check()));
  });

  test('differs for each resource, name, property, server and database', () => {
    const some = ['a', 'b'].flatMap((server) =>
      ['a', '', undefined].flatMap((database) =>
        (['server', 'role'] as const).flatMap((resource) =>
          ['a', 'b', 'a,b'].flatMap((name) =>
            ['a', 'b', ''].map((property) => ({ server, database, finding: { resource, name, property } })),
          ),
        ),
      ),
    );
    const fingerprints = some.map(({ server, database, finding }) =>
      resultFingerprint(check({ server, database, findings: [changedFinding(finding)] })),
    );
    expect(new Set(fingerprints).size).toBe(some.length);
  });
});

describe('the location of an alert', () => {
  const lines = new Map([
    ['sku-name', 7],
    ['server-parameters', 9],
    ['server-parameters.work_mem', 11],
  ]);
  const declaredIn = { path: './db/azure.yml', lines };

  test('is the line of its input in the config-file', () => {
    expect(resultUri(check({ configSource: declaredIn }))).toBe('db/azure.yml');
    expect(resultLine(check({ configSource: declaredIn }))).toBe(7);
  });

  test('is the first line if the file does not have the input', () => {
    const given = check({ configSource: declaredIn, findings: [changedFinding({ property: 'region' })] });
    expect(resultUri(given)).toBe('db/azure.yml');
    expect(resultLine(given)).toBe(1);
  });

  test('is the workflow file without a config-file, else the folder of workflows', () => {
    expect(resultUri(check())).toBe('.github/workflows/nightly.yml');
    expect(resultLine(check())).toBe(1);
    expect(resultUri(check({ workflowFile: undefined }))).toBe('.github/workflows');
    expect(resultUri(check({ workflowFile: '' }))).toBe('.github/workflows');
  });

  test.each([
    ['db\\azure.yml', 'db/azure.yml'],
    ['a/../db//azure.yml', 'db/azure.yml'],
    ['my db/ü#?%.yml', 'my%20db/%C3%BC%23%3F%25.yml'],
  ])('%s is the URI %s', (path, uri) => {
    expect(resultUri(check({ configSource: { path, lines } }))).toBe(uri);
  });

  test.each(['/home/runner/work/db.yml', 'C:\\db.yml', '../db.yml', 'a/../../db.yml', '.', ''])(
    'is the workflow file for the path %j, which code scanning cannot show, without a line of the other file',
    (path) => {
      const given = check({ configSource: { path, lines } });
      expect(resultUri(given)).toBe('.github/workflows/nightly.yml');
      expect(resultLine(given)).toBe(1);
    },
  );

  test('is the line of a server parameter, else that of the input server-parameters', () => {
    const parameter = (name: string) =>
      changedFinding({ resource: 'server parameter', name, property: 'value' });
    expect(findConfigLine(parameter('work_mem'), declaredIn)).toBe(11);
    expect(findConfigLine(parameter('azure.extensions'), declaredIn)).toBe(9);
    expect(findConfigLine(changedFinding({ property: 'region' }), declaredIn)).toBeUndefined();
  });
});

describe('the input that declares a finding', () => {
  test.each([
    ['server', 'region', 'region'],
    ['server', 'version', 'postgres-version'],
    ['server', 'sku', 'sku-name'],
    ['server', 'storage size', 'storage-size-gb'],
    ['server', 'storage auto-grow', 'storage-auto-grow'],
    ['server', 'backup retention', 'backup-retention-days'],
    ['server', 'geo-redundant backup', 'geo-redundant-backup'],
    ['server', 'high availability', 'high-availability'],
    ['server', 'availability zone', 'availability-zone'],
    ['server', 'password authentication', 'password-auth'],
    ['server', 'Entra authentication', 'microsoft-entra-auth'],
    ['server', 'public access', 'public-access'],
    ['server', 'cluster size', 'cluster-size'],
    ['server', 'maintenance window', 'maintenance-window'],
    ['server', 'tags', 'tags'],
    ['server', '', 'server-name'],
    ['server', 'state', 'server-name'],
    ['server', 'constructor', 'server-name'],
    ['resource group', '', 'resource-group'],
    ['server parameter', 'value', 'server-parameters'],
    ['extension allow-list', 'value', 'extensions'],
    ['extension', '', 'extensions'],
    ['firewall rule', 'range', 'allowed-ip-ranges'],
    ['database', 'charset', 'charset'],
    ['database', 'collation', 'collation'],
    ['database', '', 'database'],
    ['role', 'login', 'app-username'],
  ] as const)('%s %s: %s', (resource, property, input) => {
    expect(inputNameOf(changedFinding({ resource, property }))).toBe(input);
  });

  test('is allow-azure-services for the rule of any Azure service', () => {
    const rule: Finding = changedFinding({ resource: 'firewall rule', property: 'range', kind: 'missing' });
    expect(inputNameOf({ ...rule, expected: '0.0.0.0', actual: 'absent' })).toBe('allow-azure-services');
    expect(inputNameOf({ ...rule, expected: 'absent', actual: '0.0.0.0' })).toBe('allow-azure-services');
    expect(inputNameOf({ ...rule, expected: 'absent', actual: '0.0.0.0-255.255.255.255' })).toBe(
      'allowed-ip-ranges',
    );
  });
});

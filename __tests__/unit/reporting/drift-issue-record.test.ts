import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReportedFinding } from '../../../src/reconcile/findings.ts';
import type { DriftCheckResult } from '../../../src/reporting/drift-check.ts';
import {
  decideAction,
  driftMarker,
  type FindingKey,
  parseRecord,
  planIssueStep,
} from '../../../src/reporting/drift-issue.ts';
import {
  anyFinding,
  changedFinding,
  createDriftCheck as check,
  expectIssueWrite,
  findingRows,
  unknownFinding,
} from '../../helpers/unit/fake-findings.ts';

const skuFinding = changedFinding();
const bodyOf = (given: DriftCheckResult, existing?: string): string => expectIssueWrite(given, existing).body;
const keyOf = ({ resource, name, property }: FindingKey): FindingKey => ({ resource, name, property });

describe('the record of findings in the issue', () => {
  test('is read back unchanged', () => {
    fc.assert(
      fc.property(fc.array(anyFinding, { maxLength: 6 }), (some) => {
        const findings = [...some, skuFinding];
        const drifted = findings.filter((f) => f.kind !== 'unknown').map(keyOf);
        const recorded = parseRecord(bodyOf(check({ findings })));
        expect(new Set(recorded?.map((k) => JSON.stringify(k)))).toEqual(
          new Set(drifted.map((k) => JSON.stringify(k))),
        );
        expect(recorded).toEqual(parseRecord(bodyOf(check({ findings })).replaceAll('\n', '\r\n')));
      }),
      { numRuns: 300 },
    );
  });

  test('has only the resource types of too many findings, which makes the issue harder to close', () => {
    const findings = Array.from({ length: 2000 }, (_, i) => [
      { ...skuFinding, resource: 'firewall rule', name: `rule ${i}` } as const,
      { ...skuFinding, resource: 'role', name: `role ${i}` } as const,
    ]).flat();
    const body = bodyOf(check({ findings }));
    expect(parseRecord(body)).toEqual([
      { resource: 'firewall rule', name: '', property: '' },
      { resource: 'role', name: '', property: '' },
    ]);
    expect(planIssueStep(check({ findings: [unknownFinding({ name: 'role 1' })] }), body).action).toBe(
      'leave',
    );
    expect(planIssueStep(check({ findings: [unknownFinding({ resource: 'extension' })] }), body).action).toBe(
      'close',
    );
  });

  const marker = driftMarker('demo-relecloud', 'relecloud');
  const line = (json: string): string => `<!-- azure-postgresql-action: findings ${json} -->`;
  const key = '{"resource":"role","name":"a","property":""}';

  test('is read in exactly one format', () => {
    expect(parseRecord(`${marker}\n${line(`[${key}]`)}\n\ntext`)).toEqual([
      { resource: 'role', name: 'a', property: '' },
    ]);
    expect(parseRecord(`${marker}\n${line('[]')}`)).toEqual([]);
  });

  test.each([
    ['none', `${marker}\ntext`],
    ['nothing but the marker', marker],
    ['in another line', `${marker}\n\n${line(`[${key}]`)}`],
    ['not JSON', `${marker}\n${line('[')}`],
    ['not a list', `${marker}\n${line(key)}`],
    ['text after it', `${marker}\n${line(`[${key}]`)} text`],
    ['not objects', `${marker}\n${line('[null, "a", []]')}`],
    ['another resource', `${marker}\n${line(`[${key.replace('role', 'moon')}]`)}`],
    ['a missing field', `${marker}\n${line('[{"resource":"role","name":"a"}]')}`],
    ['an additional field', `${marker}\n${line(`[${key.replace('{', '{"x":1,')}]`)}`],
    ['another field', `${marker}\n${line(`[${key.replace('property', 'propertx')}]`)}`],
    ['a number for a name', `${marker}\n${line(`[${key.replace('"a"', '1')}]`)}`],
  ])('%s: the record cannot be read', (_, body) => {
    expect(parseRecord(body)).toBeUndefined();
  });
});

describe('the decision about the issue', () => {
  const recorded = [{ resource: 'role', name: 'relecloud_app', property: 'login' } as const];

  test.each([
    ['no drift, no issue', undefined, [], 'leave'],
    ['no drift, no issue, something unknown', undefined, [unknownFinding()], 'leave'],
    ['drift, no issue', undefined, [skuFinding], 'open'],
    ['drift, an issue', recorded, [skuFinding], 'update'],
    ['drift, an issue, something unknown', recorded, [skuFinding, unknownFinding()], 'update'],
    ['no drift, an issue', recorded, [], 'close'],
    ['the recorded resource is unknown', recorded, [unknownFinding()], 'leave'],
    ['an unnamed resource of its type is unknown', recorded, [unknownFinding({ name: '' })], 'leave'],
    [
      'the server is unknown',
      recorded,
      [unknownFinding({ resource: 'server', name: 'demo-relecloud' })],
      'leave',
    ],
    ['another resource of its type is unknown', recorded, [unknownFinding({ name: 'other' })], 'close'],
    ['a resource of another type is unknown', recorded, [unknownFinding({ resource: 'extension' })], 'close'],
    ['an issue with an empty record', [], [unknownFinding()], 'close'],
  ] as const)('%s', (_, known, findings, decision) => {
    expect(decideAction(known && { recorded: known }, findings)).toBe(decision);
  });

  test('an issue whose record cannot be read stays open while anything is unknown', () => {
    expect(decideAction({ recorded: undefined }, [unknownFinding()])).toBe('leave');
    expect(decideAction({ recorded: undefined }, [])).toBe('close');
    expect(decideAction({ recorded: undefined }, [skuFinding])).toBe('update');
  });

  test('the issue is closed only if every recorded finding could be checked', () => {
    const near = anyFinding.map((f) => ({
      ...f,
      name: f.name.length % 2 === 0 ? 'a' : '',
      property: ['', 'state', 'p'][f.name.length % 3] ?? '',
    }));
    fc.assert(
      fc.property(fc.array(near, { maxLength: 3 }), fc.array(near, { maxLength: 3 }), (before, now) => {
        const decision = decideAction({ recorded: before.map(keyOf) }, now);
        const drifts = now.some((f) => f.kind !== 'unknown');
        const hidden = before.some(({ resource, name, property }) =>
          now.some((f) => {
            if (f.kind !== 'unknown') return false;
            // An unknown property of a server hides no other property.
            if (f.resource === 'server')
              return f.property !== 'p' || (resource === 'server' && ['', 'p'].includes(property));
            return f.resource === resource && (f.name === name || f.name === '' || name === '');
          }),
        );
        expect(decision).toBe(drifts ? 'update' : hidden ? 'leave' : 'close');
      }),
      { numRuns: 1000 },
    );
  });

  test('a recorded finding that is unknown now stays recorded and listed until it can be checked', () => {
    const role: ReportedFinding = { ...unknownFinding(), property: 'login', kind: 'changed' };
    const first = bodyOf(check({ findings: [role, skuFinding] }));
    const second = bodyOf(check({ findings: [unknownFinding(), skuFinding] }), first);
    expect(parseRecord(second)).toEqual([keyOf(skuFinding), keyOf(role)]);
    expect(second).toContain('#### Drift of earlier checks that could not be checked again');
    expect(findingRows(second)).toContain('| Role `relecloud_app` login |');
    expect(planIssueStep(check({ findings: [unknownFinding()] }), second).action).toBe('leave');
    const third = bodyOf(check({ findings: [skuFinding] }), second);
    expect(parseRecord(third)).toEqual([keyOf(skuFinding)]);
    expect(planIssueStep(check({ findings: [] }), third).action).toBe('close');
  });

  test('a finding that drifts again is recorded once', () => {
    const first = bodyOf(check());
    const server = unknownFinding({ resource: 'server', name: 'demo-relecloud' });
    expect(parseRecord(bodyOf(check({ findings: [skuFinding, server] }), first))).toEqual([
      keyOf(skuFinding),
    ]);
  });

  test('if the record was lost, unknown resources are recorded', () => {
    const body = bodyOf(check({ findings: [skuFinding, unknownFinding()] }), 'edited by a user');
    expect(parseRecord(body)).toEqual([keyOf(skuFinding), keyOf(unknownFinding())]);
  });

  test('the closing comment mentions resources that could not be checked', () => {
    const step = planIssueStep(check({ findings: [unknownFinding()] }), bodyOf(check()));
    expect(step).toMatchObject({
      action: 'close',
      comment: expect.stringContaining(
        'except that it could not check some resources, which had not drifted before.',
      ),
    });
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReportedFinding } from '../../../src/reconcile/findings.ts';
import {
  decideAction,
  driftMarker,
  type FindingKey,
  parseRecord,
  planIssueStep,
} from '../../../src/reporting/drift-issue.ts';
import type { DriftCheckResult } from '../../../src/reporting/drift-report.ts';
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

describe('what the issue records of its findings', () => {
  test('is read back as it was', () => {
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

  test('of too many, the kinds alone, so that it takes more to close it', () => {
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

  test('is taken in exactly one form', () => {
    expect(parseRecord(`${marker}\n${line(`[${key}]`)}\n\ntext`)).toEqual([
      { resource: 'role', name: 'a', property: '' },
    ]);
    expect(parseRecord(`${marker}\n${line('[]')}`)).toEqual([]);
  });

  test.each([
    ['none', `${marker}\ntext`],
    ['nothing but the marker', marker],
    ['in another line', `${marker}\n\n${line(`[${key}]`)}`],
    ['no JSON', `${marker}\n${line('[')}`],
    ['no list', `${marker}\n${line(key)}`],
    ['text behind it', `${marker}\n${line(`[${key}]`)} text`],
    ['no objects', `${marker}\n${line('[null, "a", []]')}`],
    ['another resource', `${marker}\n${line(`[${key.replace('role', 'moon')}]`)}`],
    ['a field too few', `${marker}\n${line('[{"resource":"role","name":"a"}]')}`],
    ['a field too many', `${marker}\n${line(`[${key.replace('{', '{"x":1,')}]`)}`],
    ['another field', `${marker}\n${line(`[${key.replace('property', 'propertx')}]`)}`],
    ['a number for a name', `${marker}\n${line(`[${key.replace('"a"', '1')}]`)}`],
  ])('%s: it cannot be read', (_, body) => {
    expect(parseRecord(body)).toBeUndefined();
  });
});

describe('what to do about the issue', () => {
  const recorded = [{ resource: 'role', name: 'relecloud_app', property: 'login' } as const];

  test.each([
    ['no drift, no issue', undefined, [], 'leave'],
    ['no drift, no issue, something unknown', undefined, [unknownFinding()], 'leave'],
    ['drift, no issue', undefined, [skuFinding], 'open'],
    ['drift, an issue', recorded, [skuFinding], 'update'],
    ['drift, an issue, something unknown', recorded, [skuFinding, unknownFinding()], 'update'],
    ['no drift, an issue', recorded, [], 'close'],
    ['what it tells of is unknown', recorded, [unknownFinding()], 'leave'],
    ['some thing of its kind is unknown', recorded, [unknownFinding({ name: '' })], 'leave'],
    [
      'the server is unknown',
      recorded,
      [unknownFinding({ resource: 'server', name: 'demo-relecloud' })],
      'leave',
    ],
    ['another thing of its kind is unknown', recorded, [unknownFinding({ name: 'other' })], 'close'],
    ['a thing of another kind is unknown', recorded, [unknownFinding({ resource: 'extension' })], 'close'],
    ['an issue that tells of nothing', [], [unknownFinding()], 'close'],
  ] as const)('%s', (_, known, findings, decision) => {
    expect(decideAction(known && { recorded: known }, findings)).toBe(decision);
  });

  test('of an issue whose record cannot be read nothing is concluded while anything is unknown', () => {
    expect(decideAction({ recorded: undefined }, [unknownFinding()])).toBe('leave');
    expect(decideAction({ recorded: undefined }, [])).toBe('close');
    expect(decideAction({ recorded: undefined }, [skuFinding])).toBe('update');
  });

  test('it is closed only where all that it tells of has been seen', () => {
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
            // One property of a server that is not told hides no other.
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

  test('what is unknown now stays recorded, and is told of, until it is seen', () => {
    const role: ReportedFinding = { ...unknownFinding(), property: 'login', kind: 'changed' };
    const first = bodyOf(check({ findings: [role, skuFinding] }));
    const second = bodyOf(check({ findings: [unknownFinding(), skuFinding] }), first);
    expect(parseRecord(second)).toEqual([keyOf(skuFinding), keyOf(role)]);
    expect(second).toContain('#### What had drifted before, and could not be looked at again');
    expect(findingRows(second)).toContain('| `role` | `relecloud_app` | `login` |');
    expect(planIssueStep(check({ findings: [unknownFinding()] }), second).action).toBe('leave');
    const third = bodyOf(check({ findings: [skuFinding] }), second);
    expect(parseRecord(third)).toEqual([keyOf(skuFinding)]);
    expect(planIssueStep(check({ findings: [] }), third).action).toBe('close');
  });

  test('what is known to drift again is told once', () => {
    const first = bodyOf(check());
    const server = unknownFinding({ resource: 'server', name: 'demo-relecloud' });
    expect(parseRecord(bodyOf(check({ findings: [skuFinding, server] }), first))).toEqual([
      keyOf(skuFinding),
    ]);
  });

  test('where the record was lost, what is unknown takes its place', () => {
    const body = bodyOf(check({ findings: [skuFinding, unknownFinding()] }), 'edited by somebody');
    expect(parseRecord(body)).toEqual([keyOf(skuFinding), keyOf(unknownFinding())]);
  });

  test('a comment that ends it says what it does not tell', () => {
    const step = planIssueStep(check({ findings: [unknownFinding()] }), bodyOf(check()));
    expect(step).toMatchObject({
      action: 'close',
      comment: expect.stringContaining('apart from what it could not look at and had not drifted.'),
    });
  });
});

import { describe, expect, test } from 'vitest';
import { absent, present } from '../../../../src/reconcile/findings.ts';
import { ensurePolicy, isAllowed, READ_ONLY_POLICY } from '../../../../src/reconcile/policy.ts';
import { adoptedObjectsHandler } from '../../../../src/resources/database/adopt-objects.ts';
import { single } from '../../../helpers/unit/single.ts';
import { checkConfig, ensureConfig, exampleKey, inputErrorsOf } from '../../../helpers/unit/test-configs.ts';

const role = { 'app-username': 'app', 'app-password-key': exampleKey };
const given = { ...role, 'adopt-objects': 'true' };
const config = ensureConfig(given);
const desired = single(adoptedObjectsHandler.desired(config));
const objects = (count: number) =>
  present(
    Array.from({ length: count }, (_, i) => ({
      id: `1259/${i}`,
      type: 'table',
      identity: `public.t${i}`,
      owner: 'relecloud_admin',
      isExemptFromPolicies: false,
      readsPoliciesAsOwner: false,
    })),
  );

describe('adopt-objects', () => {
  test('is off by default, and needs the role that gets the objects', () => {
    expect(ensureConfig(role).adoptObjects).toBe(false);
    expect(adoptedObjectsHandler.desired(ensureConfig(role))).toEqual([]);
    expect(inputErrorsOf({ 'adopt-objects': 'true' })).toEqual([
      expect.stringMatching(/^adopt-objects is true, but app-username is not set/),
    ]);
    expect(adoptedObjectsHandler.desired(checkConfig(given))).toEqual([desired]);
  });

  test('names the number of objects and the first ten in the plan, also without on-drift: fix', () => {
    const diff = single(adoptedObjectsHandler.diff(desired, objects(12)));
    const described =
      /12 objects of relecloud_admin in database relecloud: table public\.t0, .*t9 and 2 more$/;
    expect(diff).toMatchObject({
      finding: { resource: 'role', name: 'app', expected: 'app', actual: expect.stringMatching(described) },
      change: { resource: 'role', name: 'app', action: 'update', details: expect.stringMatching(described) },
    });
    expect(isAllowed(ensurePolicy(config), diff)).toBe(true);
    expect(isAllowed(READ_ONLY_POLICY, diff)).toBe(false);
  });

  test('changes nothing if the administrator owns nothing in the database', () => {
    for (const observed of [objects(0), absent])
      expect(adoptedObjectsHandler.diff(desired, observed)).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import type { InputType } from '../../src/inputs/input-types.ts';
import { getInputType, modes, modesOfInput } from '../../src/inputs/schema.ts';
import {
  exampleGuid,
  exampleKey,
  type InputValues,
  parseInputs,
  pullRequestEvent,
} from '../helpers/unit/test-configs.ts';

const action: { readonly inputs: Readonly<Record<string, unknown>> } = parseYaml(
  readFileSync(new URL('../../action.yml', import.meta.url), 'utf8'),
);

/** A step for a pull request, valid in every mode. */
const baseInputs: InputValues = {
  'client-id': exampleGuid,
  'tenant-id': exampleGuid,
  'subscription-id': exampleGuid,
  'server-name': 'demo-relecloud',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  database: 'relecloud',
  'per-pull-request': 'true',
  'app-username': 'relecloud_app',
  'app-password-key': exampleKey,
  'migration-command': 'true',
};

/** Other values of inputs that are not a choice, a number or a flag. */
const otherTexts: InputValues = {
  ...Object.fromEntries(
    ['client-id', 'tenant-id', 'subscription-id'].map((id) => [id, '00000000-0000-4000-8000-000000000001']),
  ),
  'client-secret': 'secret',
  'server-name': 'other',
  'resource-group': 'group',
  'admin-username': 'other_admin',
  'admin-password': 'AnotherPassword!2',
  'github-token': 'ghs_1',
  region: 'westeurope',
  'sku-name': 'Standard_D2ds_v5',
  'maintenance-window': 'Sun 03:30',
  'runner-ip': '203.0.113.9',
  'allowed-ip-ranges': '198.51.100.7',
  'kept-rules-older-than': '30d',
  database: 'other',
  charset: 'LATIN1',
  collation: 'C',
  template: 'other',
  extensions: 'hstore',
  'pull-request-number': '7',
  'expires-in': '9d',
  'app-username': 'other_app',
  'app-password-key': Buffer.alloc(32, 7).toString('base64'),
  'env-prefix': 'PG_',
  'env-file': '.env',
  'migration-command': 'false',
  'working-directory': 'src',
  'drift-report': 'drift.json',
};

/** What else a step needs to differ in an input alone. */
const companions: Readonly<Record<string, InputValues>> = {
  'app-password': { 'app-password-key': '' },
  'migrate-as': { 'per-pull-request': '' },
};

/** Changes of the base step in one input. */
function variantsOf(name: string): readonly InputValues[] {
  if (name === 'app-password') return [{ 'app-password': 'Of-the-application-1' }];
  const values = name in otherTexts ? [otherTexts[name] ?? ''] : otherValues(getInputType(name));
  return [...values, ''].map((value) => ({ [name]: value }));
}

function otherValues(inputType: InputType | undefined): readonly string[] {
  switch (inputType?.type) {
    case 'boolean':
    case 'enabled-or-disabled':
      return ['true', 'false'];
    case 'choice':
      return inputType.choices;
    case 'number':
      return [String(inputType.min), String(inputType.max)];
    case 'list':
      return inputType.choices ?? [];
    case 'pairs':
      return ['work_mem=8MB'];
    default:
      return [];
  }
}

/** What the parser makes of a step: its configuration, or its errors. */
const parse = (mode: string, inputs: InputValues): ReturnType<typeof parseInputs> =>
  parseInputs({ ...baseInputs, ...inputs, mode }, {}, pullRequestEvent(42));

/** Whether an input can change what a mode is configured to do. */
function isUsed(name: string, mode: string): boolean {
  // The key has to be replaced by the password, so the step without both is invalid.
  const before = name === 'app-password' ? {} : (companions[name] ?? {});
  const without = JSON.stringify(toComparable(parse(mode, before)));
  return variantsOf(name)
    .map((variant) => parse(mode, { ...companions[name], ...variant }))
    .filter((parsed) => !('errors' in parsed))
    .some((parsed) => JSON.stringify(toComparable(parsed)) !== without);
}

/** Maps as lists, because JSON has no maps. */
function toComparable(value: unknown): unknown {
  if (value instanceof Map) return [...value];
  if (Array.isArray(value)) return value.map(toComparable);
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, toComparable(each)]))
    : value;
}

/** Inputs that are not a part of the configuration of a mode: each determines it, or whether there is one. */
const beforeModes = ['mode', 'config-file', 'skip-without-credentials'];

describe('modesOfInput states exactly the modes whose configuration an input can change', () => {
  test.each(modes)('the base step is valid in mode %s', (mode) => {
    expect(parse(mode, {})).toMatchObject({ mode });
  });

  test.each(Object.keys(action.inputs).filter((name) => !beforeModes.includes(name)))('%s', (name) => {
    expect(modes.filter((mode) => isUsed(name, mode))).toEqual(modesOfInput(name));
  });
});

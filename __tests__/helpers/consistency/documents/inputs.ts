import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { parseConfig } from '../../../../src/inputs/parse/parse-config.ts';
import { repositoryRoot } from '../../root.ts';
import {
  defaultInputs,
  exampleGuid,
  exampleKey,
  pullRequestEvent,
  pushEvent,
} from '../../unit/test-configs.ts';

const action: {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
} = parseYaml(readFileSync(join(repositoryRoot, 'action.yml'), 'utf8'));

export const inputNames: ReadonlySet<string> = new Set(Object.keys(action.inputs));
export const outputNames: ReadonlySet<string> = new Set(Object.keys(action.outputs));

/** Values that stand for expressions: what another input needs, or what has a form of its own. */
const placeholders: Readonly<Record<string, string>> = {
  'client-id': exampleGuid,
  'tenant-id': exampleGuid,
  'subscription-id': exampleGuid,
  'client-secret': 'a-client-secret',
  'admin-password': 'VerySecurePassword!1',
  'app-password': 'AnotherPassword!2',
  'app-password-key': exampleKey,
  'server-name': 'demo-relecloud',
  'admin-username': 'relecloud_admin',
  'app-username': 'relecloud_app',
  database: 'relecloud',
};

const isExpression = (value: string): boolean => value.includes('${{');

/** The error's input. Every error begins with it. */
const inputOf = (error: string): string => /^[a-z0-9-]+/.exec(error)?.[0] ?? '';

/** The inputs that an error names. */
const namesIn = (error: string): readonly string[] =>
  (error.match(/[a-z0-9-]+/g) ?? []).filter((word) => inputNames.has(word));

/**
 * What is wrong with the inputs of a step that uses the action: names that action.yml does not have, and values that the
 * action rejects. An expression can have any value.
 * @param isComplete whether the step sets every input that it needs; otherwise only the given ones are checked
 */
export function findInputErrors(
  given: Readonly<Record<string, unknown>>,
  isComplete: boolean,
): readonly string[] {
  const unknown = Object.keys(given).filter((name) => !inputNames.has(name));
  if (unknown.length > 0)
    return unknown.map((name) => `action.yml has no input '${name}'. Correct the name, or add the input.`);
  const values = new Map(Object.entries(given).map(([name, value]) => [name, String(value ?? '')]));
  const isExpressionOf = (name: string): boolean => isExpression(values.get(name) ?? '');
  const isLiteral = (name: string): boolean => values.has(name) && !isExpressionOf(name);
  const checksAll = isComplete && !values.has('config-file');
  const defaults: Readonly<Record<string, string>> = checksAll
    ? {}
    : { ...defaultInputs, ...(values.has('app-password') ? {} : { 'app-password-key': exampleKey }) };
  const getRawInput = (name: string): string => {
    const value = values.get(name) ?? defaults[name] ?? '';
    const isWhole = /^\$\{\{[^}]*\}\}$/.test(value.trim());
    return isWhole ? (placeholders[name] ?? '') : value.replaceAll(/\$\{\{.*?\}\}/g, '1');
  };
  const isForPullRequest = values.has('per-pull-request') || values.get('mode') === 'drop';
  const event = isForPullRequest ? pullRequestEvent(7) : pushEvent;
  const config = parseConfig(getRawInput, { env: {}, isDirectory: () => true, event });
  const errors = 'errors' in config ? config.errors : [];
  // Other errors are not caused by the checked text: the step can set that input elsewhere, or any value of it is accepted.
  const isKnown = (error: string): boolean =>
    isLiteral(inputOf(error)) && namesIn(error).every((name) => values.has(name));
  return errors
    .filter((error) => (checksAll ? !namesIn(error).some(isExpressionOf) : isKnown(error)))
    .map((error) => `The action rejects these inputs: ${error}`);
}

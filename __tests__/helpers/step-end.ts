import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { repositoryRoot } from './root.ts';

const { outputs: declaredOutputs }: { outputs: Record<string, { description: string }> } = parseYaml(
  readFileSync(join(repositoryRoot, 'action.yml'), 'utf8'),
);

const isJsonArray = (text: string): boolean => {
  try {
    return Array.isArray(JSON.parse(text));
  } catch {
    return false;
  }
};

/**
 * What is wrong with the outputs of an ended main part, a line each: GitHub evaluates `fromJSON('')` as an error, so an
 * output that action.yml describes as JSON or as a boolean must have such a value at every end of every mode.
 */
export const invalidOutputs = (outputs: Readonly<Record<string, string>>): readonly string[] => [
  ...Object.keys(outputs)
    .filter((name) => !(name in declaredOutputs))
    .map((name) => `${name} is not declared`),
  ...Object.entries(declaredOutputs).flatMap(([name, { description }]) => {
    const value = outputs[name];
    const isValid = description.startsWith('JSON array')
      ? isJsonArray(value ?? '')
      : !description.startsWith('`true` if') || value === 'true' || value === 'false';
    return isValid ? [] : [`${name} is ${value === undefined ? 'not set' : `'${value}'`}`];
  }),
];

/** The names of the outputs that have a value at every end: {@link invalidOutputs} checks these. */
export const outputsOfEveryEnd: readonly string[] = Object.entries(declaredOutputs).flatMap(
  ([name, { description }]) => (/^(JSON array|`true` if)/.test(description) ? [name] : []),
);

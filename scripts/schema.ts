import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { InputType } from '../src/inputs/input-types.ts';
import { inputSchema } from '../src/inputs/schema.ts';

/*
 * Generates docs/config-file.schema.json, the JSON Schema of a config-file for editors, from the descriptions in action.yml
 * and the types in src/inputs/schema.ts. The parser accepts more, such as choices in any case, and validates names more
 * strictly.
 */

const repositoryRoot = new URL('../', import.meta.url);
const schemaFile = new URL('docs/config-file.schema.json', repositoryRoot);

type Schema = Readonly<Record<string, unknown>>;

const textSchema: Schema = { type: 'string', minLength: 1 };
/** A text for the parser, which YAML may read as another type. */
const scalarSchema: Schema = { type: ['string', 'number', 'boolean'] };
const linesSchema: Schema = { type: 'string', description: 'The same as a text with an item on each line.' };

const listSchema = (items: Schema): Schema => ({ oneOf: [{ type: 'array', items }, linesSchema] });
/** Editors complete the first form; the last one is the text that a step would set. */
const choiceListSchema = (choices: readonly string[]): Schema => {
  const item = `(${choices.map((choice) => choice.replaceAll('.', '\\.')).join('|')})`;
  return {
    anyOf: [
      { enum: choices },
      { type: 'array', items: { enum: choices } },
      { type: 'string', pattern: `^\\s*${item}(\\s*[,\\n]\\s*${item})*\\s*$` },
    ],
  };
};
const mappingSchema = (values: Schema, more: Schema = {}): Schema => ({
  type: 'object',
  additionalProperties: values,
  ...more,
});

function toJsonSchema(inputType: InputType): Schema {
  switch (inputType.type) {
    case 'text':
    case 'formatted':
      return inputType.pattern === undefined ? textSchema : { type: 'string', pattern: inputType.pattern };
    case 'boolean':
      return { type: 'boolean' };
    case 'enabled-or-disabled':
      return { enum: ['Enabled', 'Disabled', true, false] };
    case 'choice': {
      const numbers = inputType.choices.filter((choice) => /^\d+$/.test(choice)).map(Number);
      return { enum: [...numbers, ...inputType.choices] };
    }
    case 'number':
      if (inputType.allowedValues !== undefined) return { enum: inputType.allowedValues };
      return {
        type: inputType.allowsFraction ? 'number' : 'integer',
        minimum: inputType.min,
        maximum: inputType.max,
      };
    case 'list':
      return inputType.choices === undefined
        ? listSchema({ type: 'string', pattern: inputType.pattern })
        : choiceListSchema(inputType.choices);
    case 'ranges':
      return { oneOf: [{ type: 'array', items: textSchema }, mappingSchema(textSchema), linesSchema] };
    case 'pairs':
      return {
        oneOf: [mappingSchema({ type: [...(scalarSchema['type'] as string[]), 'null'] }), linesSchema],
      };
  }
}

/** The schema in draft 7, which editors support best. */
export function configFileSchema(): Schema {
  const action = parse(readFileSync(new URL('action.yml', repositoryRoot), 'utf8')) as {
    readonly inputs: Readonly<Record<string, { readonly description: string }>>;
  };
  const properties = Object.entries(inputSchema).map(([name, kind]) => [
    name,
    { description: action.inputs[name]?.description.trim(), ...toJsonSchema(kind) },
  ]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Inputs of the action PostgreSQL on Azure',
    description:
      'The file of the input config-file. It cannot contain secrets. Inputs of the step override it.',
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

/** The generated file. */
export const readWrittenSchema = (): unknown => JSON.parse(readFileSync(schemaFile, 'utf8'));

if (import.meta.main) {
  writeFileSync(schemaFile, JSON.stringify(configFileSchema()));
  execFileSync('biome', ['format', '--write', 'docs/config-file.schema.json'], { stdio: 'inherit' });
}

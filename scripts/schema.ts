import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type Kind, kinds } from '../src/config/kinds.ts';

/**
 * The JSON Schema of what `config-file` names, for editors: docs/config-file.schema.json, made of action.yml's
 * descriptions and of the kinds by which the parser reads. It says of each input's form what the parser says, as far as
 * one pattern can; the parser takes some more, such as choices in any case, and asks some more of names.
 */

const root = new URL('../', import.meta.url);
const file = new URL('docs/config-file.schema.json', root);

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string', minLength: 1 };
/** What is a text to the parser, and may stand in YAML without quotes. */
const scalar: Schema = { type: ['string', 'number', 'boolean'] };
const lines: Schema = { type: 'string', description: 'The same as a text, an item on each line.' };

const list = (items: Schema): Schema => ({ oneOf: [{ type: 'array', items }, lines] });
const mapping = (values: Schema, more: Schema = {}): Schema => ({
  type: 'object',
  additionalProperties: values,
  ...more,
});

function schemaOf(kind: Kind): Schema {
  switch (kind.takes) {
    case 'text':
      return kind.form === undefined ? text : { type: 'string', pattern: kind.form };
    case 'boolean':
      return { type: 'boolean' };
    case 'switch':
      return { enum: ['Enabled', 'Disabled', true, false] };
    case 'choice': {
      const numbers = kind.choices.filter((choice) => /^\d+$/.test(choice)).map(Number);
      return { enum: [...numbers, ...kind.choices] };
    }
    case 'number':
      if (kind.sizes !== undefined) return { enum: kind.sizes };
      return { type: kind.fraction ? 'number' : 'integer', minimum: kind.least, maximum: kind.most };
    case 'list':
      return list(
        kind.choices === undefined ? { type: 'string', pattern: kind.form } : { enum: kind.choices },
      );
    case 'ranges':
      return { oneOf: [{ type: 'array', items: text }, mapping(text), lines] };
    case 'pairs':
      return { oneOf: [mapping({ type: [...(scalar['type'] as string[]), 'null'] }), lines] };
  }
}

/** The schema, of draft 7, which editors' YAML support knows best. */
export function configFileSchema(): Schema {
  const action = parse(readFileSync(new URL('action.yml', root), 'utf8')) as {
    readonly inputs: Readonly<Record<string, { readonly description: string }>>;
  };
  const properties = Object.entries(kinds).map(([name, kind]) => [
    name,
    { description: action.inputs[name]?.description.trim(), ...schemaOf(kind) },
  ]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Inputs of the action PostgreSQL on Azure',
    description:
      'What the input config-file names. Secrets do not belong here; what the step gives itself wins.',
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

/** As it was written last. */
export const writtenSchema = (): unknown => JSON.parse(readFileSync(file, 'utf8'));

if (import.meta.main) {
  writeFileSync(file, JSON.stringify(configFileSchema()));
  execFileSync('biome', ['format', '--write', 'docs/config-file.schema.json'], { stdio: 'inherit' });
}

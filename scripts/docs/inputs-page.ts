import { readFileSync } from 'node:fs';
import { isMap, isScalar, type Node, parseDocument, type YAMLMap } from 'yaml';
import type { InputType } from '../../src/inputs/input-types.ts';
import { parseConfig } from '../../src/inputs/parse/parse-config.ts';
import { getInputType, inputSchema, modes, modesOfInput, secretInputs } from '../../src/inputs/schema.ts';
import { type Connection, connectionEnvironment } from '../../src/publish/connection-formats.ts';
import { CONNECTION_OUTPUT_NAMES, RUN_OUTPUT_NAMES } from '../../src/publish/outputs.ts';
import { markNames } from './input-names.ts';
import { code, enumerate, linkPages, table } from './markdown.ts';

/*
 * The tables of docs/inputs.md: the descriptions and the groups of action.yml, the types and the modes of the schema, and what
 * the parser requires.
 */

interface Input {
  readonly name: string;
  /** The description without its default. */
  readonly meaning: string;
  /** As the description states it; undefined without one. */
  readonly default: string | undefined;
}

export interface Action {
  /** The inputs by the comment above the first input of a group. */
  readonly groups: ReadonlyMap<string, readonly Input[]>;
  /** The descriptions of the outputs. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** The sentence of a description that states a default; a conditional one has its condition before the colon. */
const DEFAULT_SENTENCE = / ?\bDefault( of a new server)?: (.+)\.$/s;

export function readAction(): Action {
  const document = parseDocument(readFileSync(new URL('../../action.yml', import.meta.url), 'utf8'));
  const groups = new Map<string, Input[]>();
  let group = '';
  for (const [name, description, comment] of describedItems(document.get('inputs'))) {
    group = comment ?? group;
    const [sentence = '', ofNewServer, value] = DEFAULT_SENTENCE.exec(description) ?? [];
    const input = {
      name,
      meaning: description.slice(0, description.length - sentence.length),
      default: ofNewServer === undefined ? value : `new server: ${value}`,
    };
    groups.set(group, [...(groups.get(group) ?? []), input]);
  }
  const outputs = describedItems(document.get('outputs')).map(([name, text]) => [name, text] as const);
  return { groups, outputs: new Map(outputs) };
}

/** The entries of a mapping: name, description, and the comment above, which is the only one of its line. */
function describedItems(
  node: unknown,
): readonly (readonly [name: string, text: string, comment: string | undefined])[] {
  if (!isMap(node)) throw new Error('action.yml has no inputs or outputs');
  const items = (node as YAMLMap<Node, Node>).items;
  return items.map(({ key, value }, i) => {
    if (!isScalar(key) || !isMap(value)) throw new Error('action.yml has an entry without a description');
    const comment = (i === 0 ? node.commentBefore : undefined) ?? key.commentBefore;
    return [String(key.value), String(value.get('description')).trim(), comment?.trim()] as const;
  });
}

/** The inputs without which the parser accepts no step of a mode that has everything else from its event. */
function requiredInputs(mode: string): ReadonlySet<string> {
  const repository = { id: '1', name: 'owner/name' };
  const pullRequest = { number: 1, state: 'open', fromFork: false } as const;
  const event = { name: 'pull_request', repository, actor: 'owner', pullRequest };
  const parsed = parseConfig((name) => (name === 'mode' ? mode : ''), {
    env: {},
    isDirectory: () => true,
    event,
  });
  const errors = 'errors' in parsed ? parsed.errors : [];
  return new Set(errors.map((error) => /^([a-z-]+) is missing/.exec(error)?.[1] ?? ''));
}

const requiredByMode = new Map<string, ReadonlySet<string>>(
  modes.map((mode) => [mode, requiredInputs(mode)]),
);

/** The default of an input, and in which modes it is required. */
function describeDefault({ name, default: stated }: Input): string {
  const requiring = modes.filter((mode) => requiredByMode.get(mode)?.has(name));
  if (requiring.length === 0) return markNames(stated ?? '');
  const required =
    requiring.length === modes.length ? '**required**' : `**required** by ${enumerate(requiring.map(code))}`;
  return stated === undefined ? required : `${stated}; **required** if that is empty`;
}

/** What an input accepts. */
function describeValues(name: string): string {
  if (secretInputs.some((secret) => secret === name)) return 'secret';
  const inputType = getInputType(name);
  return inputType === undefined ? 'text' : describeType(inputType);
}

function describeType(inputType: InputType): string {
  switch (inputType.type) {
    case 'text':
      return 'text';
    case 'formatted':
      return inputType.expected;
    case 'boolean':
      return '`true`, `false`';
    case 'enabled-or-disabled':
      return '`Enabled`, `Disabled`';
    case 'choice':
      return inputType.choices.map(code).join(', ');
    case 'number':
      return inputType.allowedValues === undefined
        ? `${inputType.allowsFraction ? 'number' : 'whole number'} from ${inputType.min} to ${inputType.max}`
        : inputType.allowedValues.join(', ');
    case 'list':
      return inputType.choices === undefined ? 'list' : `list of ${inputType.choices.map(code).join(', ')}`;
    case 'ranges':
      return 'list of ranges';
    case 'pairs':
      return '`name=value` lines';
  }
}

const describeModes = (name: string): string => {
  const used = modesOfInput(name);
  return used.length === modes.length ? 'every mode' : used.map(code).join(', ');
};

/** The table of a group. A column for the modes would be the same in each row of many groups, so these have a sentence. */
function inputTable(inputs: readonly Input[]): string {
  const modesOfGroup = new Set(inputs.map(({ name }) => describeModes(name)));
  const isUniform = modesOfGroup.size === 1;
  const rows = inputs.map((input) => [
    code(input.name),
    describeValues(input.name),
    describeDefault(input),
    ...(isUniform ? [] : [describeModes(input.name)]),
    linkPages(markNames(input.meaning)),
  ]);
  const head = ['input', 'values', 'default', ...(isUniform ? [] : ['modes']), 'meaning'];
  const sentence = isUniform ? `Used by ${enumerate([...modesOfGroup][0]?.split(', ') ?? [])}.\n\n` : '';
  return sentence + table(head, rows);
}

const outputTable = (names: readonly string[], outputs: Action['outputs']): string =>
  table(
    ['output', 'meaning'],
    names.map((name) => [code(name), outputs.get(name) ?? '']),
  );

const exampleConnection: Connection = {
  host: 'demo-relecloud.postgres.database.azure.com',
  port: 5432,
  database: 'relecloud',
  user: 'relecloud_app',
  password: 'PASSWORD',
  sslMode: 'require',
  sslRootCert: undefined,
};

/** The variables of each format, and what `verify-full` adds. */
function variableTable(): string {
  const namesOf = (formats: readonly string[], sslMode: Connection['sslMode']): readonly string[] => {
    const connection = { ...exampleConnection, sslMode };
    const file = sslMode === 'verify-full' ? 'roots.pem' : undefined;
    const config = { exportEnv: true, envPrefix: 'DB_', envFile: undefined, sslMode };
    const known = inputSchema.formats.choices.filter((format) => formats.includes(format));
    return [
      ...connectionEnvironment({ ...connection, sslRootCert: file }, { ...config, formats: known }).keys(),
    ];
  };
  const always = namesOf([], 'verify-full');
  const row = (title: string, formats: readonly string[]): readonly string[] => {
    const own = (names: readonly string[]): readonly string[] =>
      formats.length === 0 ? names : names.filter((name) => !always.includes(name));
    const names = own(namesOf(formats, 'require'));
    const more = own(namesOf(formats, 'verify-full')).filter((name) => !names.includes(name));
    return [title, names.map(code).join(', '), more.map(code).join(', ')];
  };
  return table(
    ['`formats`', 'variables', 'more with `ssl-mode: verify-full`'],
    [row('any', []), ...inputSchema.formats.choices.map((format) => row(code(format), [format]))],
  );
}

/** The generated parts of docs/inputs.md. */
export function inputsPageParts(): ReadonlyMap<string, string> {
  const { groups, outputs } = readAction();
  return new Map([
    ...[...groups].map(([group, inputs]) => [`inputs, ${group}`, inputTable(inputs)] as const),
    ['outputs of every mode', outputTable(RUN_OUTPUT_NAMES, outputs)],
    ['outputs of the connection', outputTable(CONNECTION_OUTPUT_NAMES, outputs)],
    ['environment variables', variableTable()],
  ]);
}

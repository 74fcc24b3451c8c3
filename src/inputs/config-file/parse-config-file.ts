import { parseAddressRange } from '../../common/addresses.ts';
import { declaredRuleName } from '../../common/resource-names.ts';
import type { InputType } from '../input-types.ts';
import { getInputType, inputSchema, secretInputs } from '../schema.ts';
import { closestMatch } from '../suggest.ts';
import type { ConfigFileSource } from '../types.ts';
import {
  collectTexts,
  isMap,
  isScalar,
  isSeq,
  mapEntries,
  type ParsedYaml,
  parseYaml,
  scalarText,
} from './parse-yaml.ts';

/** What an input says: a text as the step would give it, the items of a list, or pairs. */
export type ConfigFileValue = string | readonly string[] | ReadonlyMap<string, string>;

/** What a `config-file` says, and all that is wrong with it. */
export interface ConfigFile extends ConfigFileSource {
  readonly values: ReadonlyMap<string, ConfigFileValue>;
  /** A sentence each, with path, line and column; none quotes what is in the file. */
  readonly errors: readonly string[];
  /** Inputs that it names and gives in no usable way, so that nobody takes them for missing. */
  readonly invalidInputs: ReadonlySet<string>;
  /** Whether nothing of it can be read, so that nobody knows what is missing. */
  readonly isUnreadable: boolean;
  /** What stands where a secret was meant, to be masked before anything is written. */
  readonly misplacedSecrets: readonly string[];
}

/** A file of which nothing can be read. */
export const invalidConfigFile = (
  path: string,
  message: string,
  misplacedSecrets: readonly string[] = [],
): ConfigFile => ({
  path,
  values: new Map(),
  lines: new Map(),
  errors: [`config-file ${path}${message}`],
  invalidInputs: new Set(),
  isUnreadable: true,
  misplacedSecrets,
});

/** Bytes of a file that are read at most: inputs are short, and the time that reading takes grows with them. */
export const MAX_CONFIG_FILE_BYTES = 2 ** 16;

/**
 * What a configuration file says, of which the text has been read already.
 * @param path as the input names it
 */
export function parseConfigFile(path: string, text: string): ConfigFile {
  const yaml = parseYaml(text);
  const [error] = yaml.errors;
  if (error !== undefined)
    return invalidConfigFile(
      path,
      `${formatPosition(error.position)}: ${error.message}`,
      findMisplacedSecrets(yaml),
    );
  const { root } = yaml;
  const isEmpty = root === null || (isScalar(root) && scalarText(root) === undefined);
  if (!isEmpty && !isMap(root))
    return invalidConfigFile(
      path,
      `${formatPosition(yaml.positionOf(root))}: a mapping of inputs is expected, such as "region: westeurope"`,
    );
  const keyCount = mapEntries(root).length;
  if (keyCount > MAX_KEYS)
    return invalidConfigFile(
      path,
      ` has ${keyCount} names, but there are ${inputNames.length} inputs: is it the right file?`,
      findMisplacedSecrets(yaml),
    );
  return new ConfigFileParser(path, yaml).parse();
}

/** That a file may have: more than there are inputs, and few enough to tell of each what is wrong with it. */
const MAX_KEYS = 100;

const formatPosition = (position: { readonly line: number; readonly column: number } | undefined): string =>
  position === undefined ? '' : `, line ${position.line}, column ${position.column}`;

const isSecretInput = (name: string | undefined): boolean => secretInputs.some((secret) => secret === name);

const inputNames = [...Object.keys(inputSchema), ...secretInputs, 'config-file'];

/** What a person meant by a name; undefined where it is near to none. */
const closestInput = (name: string): string | undefined =>
  inputNames.includes(name) ? name : closestMatch(name, inputNames);

const SECRET_LIKE = /pass|pwd|secret|token|key|credential/i;

/** Texts that may be secrets by the names in front of them, in a file that is not usable otherwise too. */
function findMisplacedSecrets({ root, resolveAlias }: ParsedYaml): readonly string[] {
  return mapEntries(root)
    .slice(0, MAX_KEYS)
    .flatMap(({ key, value }) => {
      const name = isScalar(key) ? scalarText(key) : undefined;
      if (name === undefined || getInputType(name) !== undefined) return [];
      return isSecretInput(closestInput(name)) || SECRET_LIKE.test(name)
        ? collectTexts(resolveAlias(value))
        : [];
    });
}

class ConfigFileParser {
  readonly #path: string;
  readonly #yaml: ParsedYaml;
  readonly #values = new Map<string, ConfigFileValue>();
  readonly #lines = new Map<string, number>();
  readonly #errors: string[] = [];
  readonly #invalidInputs = new Set<string>();

  constructor(path: string, yaml: ParsedYaml) {
    this.#path = path;
    this.#yaml = yaml;
  }

  parse(): ConfigFile {
    const { root } = this.#yaml;
    for (const [name, key, value] of this.#namedEntries(root)) {
      const inputType = getInputType(name);
      if (inputType === undefined) this.#addError(key, unknownInputMessage(name));
      else this.#parseInput(name, inputType, key, value);
    }
    return {
      path: this.#path,
      values: this.#values,
      lines: this.#lines,
      errors: this.#errors,
      invalidInputs: this.#invalidInputs,
      isUnreadable: false,
      misplacedSecrets: findMisplacedSecrets(this.#yaml),
    };
  }

  #addError(node: unknown, message: string): undefined {
    this.#errors.push(`config-file ${this.#path}${formatPosition(this.#yaml.positionOf(node))}: ${message}`);
  }

  #parseInput(name: string, inputType: InputType, key: unknown, node: unknown): void {
    const errorCount = this.#errors.length;
    const value = this.#parseValue(name, inputType, this.#yaml.resolveAlias(node), key);
    if (this.#errors.length > errorCount) this.#invalidInputs.add(name);
    else if (value !== undefined) {
      this.#values.set(name, value);
      this.#recordLine(name, key);
    }
  }

  #parseValue(name: string, { type }: InputType, node: unknown, key: unknown): ConfigFileValue | undefined {
    if (node === undefined) return undefined;
    if (isScalar(node)) return this.#parseText(node, name);
    const isList = type === 'list' || type === 'ranges';
    if (isList && isSeq(node)) return this.#parseListItems(name, node.items, type === 'ranges');
    if (type === 'ranges' && isMap(node)) return this.#parseRanges(name, node);
    if (type === 'pairs' && isMap(node)) return this.#parsePairs(name, node);
    return this.#addError(key, `${name} takes ${EXPECTED_FORMAT[type]}`);
  }

  #parseListItems(name: string, nodes: readonly unknown[], mayHaveNames: boolean): readonly string[] {
    return nodes.flatMap((node) => {
      const item = this.#parseNonEmptyText(node, node, `an item of ${name}`)?.trim();
      if (item === undefined) return [];
      this.#recordLine(`${name}.${mayHaveNames ? ruleNameOfItem(item) : item.toLowerCase()}`, node);
      return [item];
    });
  }

  #parseRanges(name: string, map: unknown): readonly string[] {
    const ranges: string[] = [];
    for (const [rule, key, node] of this.#namedEntries(map)) {
      const range = this.#parseNonEmptyText(node, key, `a range of ${name}`)?.trim();
      this.#recordLine(`${name}.${rule}`, key);
      if (range !== undefined) ranges.push(`${rule}=${range}`);
    }
    return ranges;
  }

  #parsePairs(name: string, map: unknown): ReadonlyMap<string, string> {
    const pairs = new Map<string, string>();
    for (const [pairName, key, value] of this.#namedEntries(map)) {
      const node = this.#yaml.resolveAlias(value);
      if (node !== undefined && !isScalar(node))
        this.#addError(key, `a value of ${name} has to be a text, not a list or a mapping`);
      // A block's last line break belongs to the way it is written.
      else
        pairs.set(
          pairName,
          node === undefined ? '' : (this.#parseText(node, name)?.replace(/\n$/, '') ?? ''),
        );
      this.#recordLine(`${name}.${pairName}`, key);
    }
    return pairs;
  }

  /** One text that is not empty. */
  #parseNonEmptyText(unresolvedNode: unknown, errorNode: unknown, description: string): string | undefined {
    const node = this.#yaml.resolveAlias(unresolvedNode);
    const text = isScalar(node) ? this.#parseText(node, description) : undefined;
    if (node !== undefined && !isScalar(node))
      return this.#addError(errorNode, `${description} has to be a text, not a list or a mapping`);
    return text?.trim()
      ? text
      : this.#addError(errorNode, `${description} is empty: complete it, or remove it`);
  }

  #parseText(node: Parameters<typeof scalarText>[0], description: string): string | undefined {
    const text = scalarText(node);
    if (text?.includes('\0') || text?.isWellFormed() === false)
      return this.#addError(
        node,
        `${description} has a character that no text can carry (NUL, half a character)`,
      );
    return text;
  }

  /** The pairs of a mapping that have names of their own. */
  *#namedEntries(map: unknown): Generator<readonly [name: string, key: unknown, value: unknown]> {
    const names = new Set<string>();
    for (const { key, value } of mapEntries(map)) {
      const name = isScalar(key) ? scalarText(key)?.trim() : undefined;
      if (!name) this.#addError(key, 'a name has to be a text: write one, or remove this');
      else if (names.has(name))
        this.#addError(key, 'a name is given twice, and only one of them could count: remove one');
      else yield [name, key, value];
      if (name) names.add(name);
    }
  }

  #recordLine(name: string, node: unknown): void {
    const position = this.#yaml.positionOf(node);
    if (position !== undefined) this.#lines.set(name, position.line);
  }
}

const SINGLE_VALUE = 'one value, not a list or a mapping';

const EXPECTED_FORMAT: Readonly<Record<InputType['type'], string>> = {
  text: SINGLE_VALUE,
  formatted: SINGLE_VALUE,
  boolean: SINGLE_VALUE,
  'enabled-or-disabled': SINGLE_VALUE,
  choice: SINGLE_VALUE,
  number: SINGLE_VALUE,
  list: 'a list, or a text with an item on each line',
  ranges: 'a list of ranges, a mapping of names to ranges, or a text with one on each line',
  pairs: 'a mapping of names to values, or a text of name=value lines',
};

/** Of an item of allowed-ip-ranges, as the rule will be called. */
function ruleNameOfItem(item: string): string {
  const separatorIndex = item.indexOf('=');
  const range = parseAddressRange(item);
  return separatorIndex >= 0 || typeof range === 'string'
    ? item.slice(0, Math.max(separatorIndex, 0)).trim()
    : declaredRuleName(range);
}

/** Why a name is not taken that is none of those which a file may hold. Quotes no name but our own. */
function unknownInputMessage(name: string): string {
  const closest = closestInput(name);
  if (isSecretInput(closest))
    return `${closest} is a secret, which does not belong into a file: remove it here (and change it, if the file was pushed), put it into a GitHub secret, and pass it in the step, as in ${closest}: \${{ secrets.… }}`;
  if (closest === 'config-file') return 'config-file is for the step alone: a file cannot name another';
  return closest === undefined
    ? 'this is no input of the action: correct or remove it (the README has a table of all)'
    : `this is no input of the action: did you mean ${closest}?`;
}

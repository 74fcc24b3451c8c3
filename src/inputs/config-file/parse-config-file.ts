import { parseAddressRange } from '../../common/addresses.ts';
import { declaredRuleName } from '../../common/resource-names.ts';
import type { InputType } from '../input-types.ts';
import { getInputType } from '../schema.ts';
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
import { inputNames, mayHoldSecret, unknownInputMessage } from './unknown-input.ts';

/** The value of an input: a text as the step would set it, the items of a list, or pairs. */
export type ConfigFileValue = string | readonly string[] | ReadonlyMap<string, string>;

/** The content of a config-file, and all its errors. */
export interface ConfigFile extends ConfigFileSource {
  readonly values: ReadonlyMap<string, ConfigFileValue>;
  /** A sentence each, with path, line and column. None quotes the content of the file, which could be a secret. */
  readonly errors: readonly string[];
  /** Inputs that the file sets in an invalid way. They are not reported as missing. */
  readonly invalidInputs: ReadonlySet<string>;
  /** Whether nothing in the file can be read, so that any input could be missing. */
  readonly isUnreadable: boolean;
  /** Values of names that sound like secrets. They have to be masked before anything is written. */
  readonly misplacedSecrets: readonly string[];
}

/** A config-file that cannot be read. */
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

/** The size of a config-file is limited, because the time to parse it grows with the size. */
export const MAX_CONFIG_FILE_BYTES = 2 ** 16;

/** More than there are inputs, but few enough that every unknown name can be reported. */
const MAX_KEYS = 100;

/**
 * Parses the text of a config-file.
 * @param path as the input `config-file` names it
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
      ` has ${keyCount} names, but there are ${inputNames.length} inputs: check whether it is the right file`,
      findMisplacedSecrets(yaml),
    );
  return new ConfigFileParser(path, yaml).parse();
}

const formatPosition = (position: { readonly line: number; readonly column: number } | undefined): string =>
  position === undefined ? '' : `, line ${position.line}, column ${position.column}`;

function findMisplacedSecrets({ root, resolveAlias }: ParsedYaml): readonly string[] {
  return mapEntries(root)
    .slice(0, MAX_KEYS)
    .flatMap(({ key, value }) => {
      const name = isScalar(key) ? scalarText(key) : undefined;
      return name !== undefined && mayHoldSecret(name) ? collectTexts(resolveAlias(value)) : [];
    });
}

/** Converts the YAML nodes of one file. The methods collect errors, and return undefined for an invalid node. */
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
    for (const [name, key, value] of this.#namedEntries(this.#yaml.root)) {
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

  /** Records the line of an input, or of an item by `input.item`. */
  #recordLine(name: string, node: unknown): void {
    const position = this.#yaml.positionOf(node);
    if (position !== undefined) this.#lines.set(name, position.line);
  }

  /** The entries of a mapping with valid, distinct names. */
  *#namedEntries(map: unknown): Generator<readonly [name: string, key: unknown, value: unknown]> {
    const names = new Set<string>();
    for (const { key, value } of mapEntries(map)) {
      const name = isScalar(key) ? scalarText(key)?.trim() : undefined;
      if (!name) this.#addError(key, 'a name has to be a text: set one, or remove this entry');
      else if (hasExpression(name)) this.#addError(key, `a name ${EXPRESSION_ERROR}`);
      else if (names.has(name)) this.#addError(key, 'a name is given twice: remove one');
      else yield [name, key, value];
      if (name) names.add(name);
    }
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
    if ((type === 'list' || type === 'ranges') && isSeq(node))
      return this.#parseList(name, node.items, type === 'ranges');
    if (type === 'ranges' && isMap(node)) return this.#parseRanges(name, node);
    if (type === 'pairs' && isMap(node)) return this.#parsePairs(name, node);
    return this.#addError(key, `${name} takes ${EXPECTED_FORMAT[type]}`);
  }

  #parseList(name: string, nodes: readonly unknown[], areRanges: boolean): readonly string[] {
    return nodes.flatMap((node) => {
      const item = this.#parseNonEmptyText(node, node, `an item of ${name}`)?.trim();
      if (item === undefined) return [];
      this.#recordLine(`${name}.${areRanges ? ruleNameOf(item) : item.toLowerCase()}`, node);
      return [item];
    });
  }

  /** Parses a mapping of names to ranges into items `name=range`. */
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
      this.#recordLine(`${name}.${pairName}`, key);
      if (node !== undefined && !isScalar(node)) {
        this.#addError(key, `a value of ${name} has to be a text, not a list or a mapping`);
        continue;
      }
      const text = node === undefined ? undefined : this.#parseText(node, name);
      // The last line break of a block scalar belongs to its notation.
      pairs.set(pairName, text?.replace(/\n$/, '') ?? '');
    }
    return pairs;
  }

  #parseNonEmptyText(unresolvedNode: unknown, errorNode: unknown, description: string): string | undefined {
    const node = this.#yaml.resolveAlias(unresolvedNode);
    if (node !== undefined && !isScalar(node))
      return this.#addError(errorNode, `${description} has to be a text, not a list or a mapping`);
    const errorCount = this.#errors.length;
    const text = node === undefined ? undefined : this.#parseText(node, description);
    if (this.#errors.length > errorCount) return undefined;
    return text?.trim()
      ? text
      : this.#addError(errorNode, `${description} is empty: complete it, or remove it`);
  }

  #parseText(node: Parameters<typeof scalarText>[0], description: string): string | undefined {
    const text = scalarText(node);
    if (text !== undefined && hasExpression(text))
      return this.#addError(node, `${description} ${EXPRESSION_ERROR}`);
    if (text?.includes('\0') || text?.isWellFormed() === false)
      return this.#addError(
        node,
        `${description} contains an invalid character (NUL, or half of a surrogate pair)`,
      );
    return text;
  }
}

/** Whether a text has an expression. No shell, PostgreSQL or Azure uses this notation, so it is never meant literally. */
const hasExpression = (text: string): boolean => text.includes('${{');

const EXPRESSION_ERROR =
  'has an expression (${{ … }}), which GitHub evaluates only in workflow files: remove it here, and set the input in the step’s with:';

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

/** The name of the firewall rule that an item of allowed-ip-ranges declares. */
function ruleNameOf(item: string): string {
  const separatorIndex = item.indexOf('=');
  const range = parseAddressRange(item);
  return separatorIndex >= 0 || typeof range === 'string'
    ? item.slice(0, Math.max(separatorIndex, 0)).trim()
    : declaredRuleName(range);
}

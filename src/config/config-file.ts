import { parseRange } from './addresses.ts';
import type { ConfigFilePlaces } from './config.ts';
import { type Kind, kindOf, kinds, secretInputs } from './kinds.ts';
import { declaredRuleName } from './names.ts';
import { nearest } from './spelling.ts';
import { isMap, isScalar, isSeq, pairsOf, readYaml, textOf, textsBelow, type YamlText } from './yaml.ts';

/** What an input says: a text as the step would give it, the items of a list, or pairs. */
export type FileValue = string | readonly string[] | ReadonlyMap<string, string>;

/** What a `config-file` says, and all that is wrong with it. */
export interface ConfigFile extends ConfigFilePlaces {
  readonly values: ReadonlyMap<string, FileValue>;
  /** A sentence each, with path, line and column; none quotes what is in the file. */
  readonly faults: readonly string[];
  /** Inputs that it names and gives in no usable way, so that nobody takes them for missing. */
  readonly unusable: ReadonlySet<string>;
  /** Whether nothing of it can be read, so that nobody knows what is missing. */
  readonly broken: boolean;
  /** What stands where a secret was meant, to be masked before anything is written. */
  readonly secrets: readonly string[];
}

/** A file of which nothing can be read. */
export const brokenFile = (path: string, sentence: string, secrets: readonly string[] = []): ConfigFile => ({
  path,
  values: new Map(),
  lines: new Map(),
  faults: [`config-file ${path}${sentence}`],
  unusable: new Set(),
  broken: true,
  secrets,
});

/** Bytes of a file that are read at most: inputs are short, and the time that reading takes grows with them. */
export const MAX_BYTES = 2 ** 16;

/**
 * What a configuration file says, of which the text has been read already.
 * @param path as the input names it
 */
export function interpretConfigFile(path: string, text: string): ConfigFile {
  const yaml = readYaml(text);
  const [fault] = yaml.faults;
  if (fault !== undefined)
    return brokenFile(path, `${placed(fault.place)}: ${fault.sentence}`, secretsIn(yaml));
  const { root } = yaml;
  const isEmpty = root === null || (isScalar(root) && textOf(root) === undefined);
  if (!isEmpty && !isMap(root))
    return brokenFile(
      path,
      `${placed(yaml.placeOf(root))}: a mapping of inputs is expected, such as "region: westeurope"`,
    );
  const names = pairsOf(root).length;
  if (names > mostNames)
    return brokenFile(
      path,
      ` has ${names} names, but there are ${inputNames.length} inputs: is it the right file?`,
      secretsIn(yaml),
    );
  return new Interpreter(path, yaml).interpret();
}

/** That a file may have: more than there are inputs, and few enough to tell of each what is wrong with it. */
const mostNames = 100;

const placed = (place: { readonly line: number; readonly column: number } | undefined): string =>
  place === undefined ? '' : `, line ${place.line}, column ${place.column}`;

const isSecret = (name: string | undefined): boolean => secretInputs.some((secret) => secret === name);

const inputNames = [...Object.keys(kinds), ...secretInputs, 'config-file'];

/** What a person meant by a name; undefined where it is near to none. */
const meant = (name: string): string | undefined =>
  inputNames.includes(name) ? name : nearest(name, inputNames);

const soundsSecret = /pass|pwd|secret|token|key|credential/i;

/** Texts that may be secrets by the names in front of them, in a file that is not usable otherwise too. */
function secretsIn({ root, resolve }: YamlText): readonly string[] {
  return pairsOf(root)
    .slice(0, mostNames)
    .flatMap(({ key, value }) => {
      const name = isScalar(key) ? textOf(key) : undefined;
      if (name === undefined || kindOf(name) !== undefined) return [];
      return isSecret(meant(name)) || soundsSecret.test(name) ? textsBelow(resolve(value)) : [];
    });
}

class Interpreter {
  readonly #path: string;
  readonly #yaml: YamlText;
  readonly #values = new Map<string, FileValue>();
  readonly #lines = new Map<string, number>();
  readonly #faults: string[] = [];
  readonly #unusable = new Set<string>();

  constructor(path: string, yaml: YamlText) {
    this.#path = path;
    this.#yaml = yaml;
  }

  interpret(): ConfigFile {
    const { root } = this.#yaml;
    for (const [name, key, value] of this.#named(root)) {
      const kind = kindOf(name);
      if (kind === undefined) this.#fault(key, refusal(name));
      else this.#input(name, kind, key, value);
    }
    return {
      path: this.#path,
      values: this.#values,
      lines: this.#lines,
      faults: this.#faults,
      unusable: this.#unusable,
      broken: false,
      secrets: secretsIn(this.#yaml),
    };
  }

  #fault(node: unknown, sentence: string): undefined {
    this.#faults.push(`config-file ${this.#path}${placed(this.#yaml.placeOf(node))}: ${sentence}`);
  }

  #input(name: string, kind: Kind, key: unknown, node: unknown): void {
    const before = this.#faults.length;
    const value = this.#value(name, kind, this.#yaml.resolve(node), key);
    if (this.#faults.length > before) this.#unusable.add(name);
    else if (value !== undefined) {
      this.#values.set(name, value);
      this.#locate(name, key);
    }
  }

  #value(name: string, { takes }: Kind, node: unknown, key: unknown): FileValue | undefined {
    if (node === undefined) return undefined;
    if (isScalar(node)) return this.#text(node, name);
    const isList = takes === 'list' || takes === 'ranges';
    if (isList && isSeq(node)) return this.#items(name, node.items, takes === 'ranges');
    if (takes === 'ranges' && isMap(node)) return this.#ranges(name, node);
    if (takes === 'pairs' && isMap(node)) return this.#pairs(name, node);
    return this.#fault(key, `${name} takes ${taken[takes]}`);
  }

  #items(name: string, nodes: readonly unknown[], mayHaveNames: boolean): readonly string[] {
    return nodes.flatMap((node) => {
      const item = this.#single(node, node, `an item of ${name}`)?.trim();
      if (item === undefined) return [];
      this.#locate(`${name}.${mayHaveNames ? ruleName(item) : item.toLowerCase()}`, node);
      return [item];
    });
  }

  #ranges(name: string, map: unknown): readonly string[] {
    const ranges: string[] = [];
    for (const [rule, key, node] of this.#named(map)) {
      const range = this.#single(node, key, `a range of ${name}`)?.trim();
      this.#locate(`${name}.${rule}`, key);
      if (range !== undefined) ranges.push(`${rule}=${range}`);
    }
    return ranges;
  }

  #pairs(name: string, map: unknown): ReadonlyMap<string, string> {
    const pairs = new Map<string, string>();
    for (const [each, key, value] of this.#named(map)) {
      const node = this.#yaml.resolve(value);
      if (node !== undefined && !isScalar(node))
        this.#fault(key, `a value of ${name} has to be a text, not a list or a mapping`);
      // A block's last line break belongs to the way it is written.
      else pairs.set(each, node === undefined ? '' : (this.#text(node, name)?.replace(/\n$/, '') ?? ''));
      this.#locate(`${name}.${each}`, key);
    }
    return pairs;
  }

  /** One text that is not empty. */
  #single(given: unknown, place: unknown, what: string): string | undefined {
    const node = this.#yaml.resolve(given);
    const text = isScalar(node) ? this.#text(node, what) : undefined;
    if (node !== undefined && !isScalar(node))
      return this.#fault(place, `${what} has to be a text, not a list or a mapping`);
    return text?.trim() ? text : this.#fault(place, `${what} is empty: complete it, or remove it`);
  }

  #text(node: Parameters<typeof textOf>[0], what: string): string | undefined {
    const text = textOf(node);
    if (text?.includes('\0') || text?.isWellFormed() === false)
      return this.#fault(node, `${what} has a character that no text can carry (NUL, half a character)`);
    return text;
  }

  /** The pairs of a mapping that have names of their own. */
  *#named(map: unknown): Generator<readonly [name: string, key: unknown, value: unknown]> {
    const names = new Set<string>();
    for (const { key, value } of pairsOf(map)) {
      const name = isScalar(key) ? textOf(key)?.trim() : undefined;
      if (!name) this.#fault(key, 'a name has to be a text: write one, or remove this');
      else if (names.has(name))
        this.#fault(key, 'a name is given twice, and only one of them could count: remove one');
      else yield [name, key, value];
      if (name) names.add(name);
    }
  }

  #locate(name: string, node: unknown): void {
    const place = this.#yaml.placeOf(node);
    if (place !== undefined) this.#lines.set(name, place.line);
  }
}

const single = 'one value, not a list or a mapping';

const taken: Readonly<Record<Kind['takes'], string>> = {
  text: single,
  boolean: single,
  switch: single,
  choice: single,
  number: single,
  list: 'a list, or a text with an item on each line',
  ranges: 'a list of ranges, a mapping of names to ranges, or a text with one on each line',
  pairs: 'a mapping of names to values, or a text of name=value lines',
};

/** Of an item of allowed-ip-ranges, as the rule will be called. */
function ruleName(item: string): string {
  const at = item.indexOf('=');
  const range = parseRange(item);
  return at >= 0 || typeof range === 'string'
    ? item.slice(0, Math.max(at, 0)).trim()
    : declaredRuleName(range);
}

/** Why a name is not taken that is none of those which a file may hold. Quotes no name but our own. */
function refusal(name: string): string {
  const known = meant(name);
  if (isSecret(known))
    return `${known} is a secret, which does not belong into a file: remove it here (and change it, if the file was pushed), put it into a GitHub secret, and pass it in the step, as in ${known}: \${{ secrets.… }}`;
  if (known === 'config-file') return 'config-file is for the step alone: a file cannot name another';
  return known === undefined
    ? 'this is no input of the action: correct or remove it (the README has a table of all)'
    : `this is no input of the action: did you mean ${known}?`;
}

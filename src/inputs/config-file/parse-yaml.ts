import {
  type Document,
  isAlias,
  isMap,
  isNode,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml';

/**
 * A YAML 1.2 document (core schema) with the positions of its nodes. The error messages are not the library's, because
 * those quote the text, which may contain a secret by mistake.
 */
export interface ParsedYaml {
  /** Null if the text is empty. */
  readonly root: Node | null;
  /** Empty if the document is valid. */
  readonly errors: readonly YamlError[];
  /** The node itself, or the node that an alias refers to. Undefined for an empty value. */
  readonly resolveAlias: (node: unknown) => Node | undefined;
  readonly positionOf: (node: unknown) => Position | undefined;
}

/** The first line and column are 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlError {
  readonly position: Position | undefined;
  readonly message: string;
}

const MESSAGE_BY_CODE: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab cannot indent YAML: use spaces',
  BAD_INDENT: 'the indentation does not fit the lines above: align it, and close brackets and quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a second colon is not allowed here: put the text into quotes, or correct the indentation',
  MISSING_CHAR: 'a quote, bracket, comma or colon is missing: complete it',
  BAD_SCALAR_START: 'a text cannot begin with this character: put it into quotes',
  BAD_DQ_ESCAPE: 'a backslash in double quotes begins an escape, and this one is unknown: use single quotes',
  MULTILINE_IMPLICIT_KEY:
    'a name and its colon have to be on one line: join them, or use | for a text of several lines',
  MULTIPLE_DOCS: 'a second document begins, but only one is read: join them',
  TAG_RESOLVE_FAILED: 'only the tags of YAML’s core schema are supported: remove it',
  RESOURCE_EXHAUSTION: 'it is nested too deeply: inputs are texts, or flat lists and mappings',
};

const DEFAULT_MESSAGE = 'invalid YAML: correct it (an editor with YAML support shows where)';

/** Aliases are limited, because they can expand a small file to a large value. */
const MAX_ALIASES = 100;

const TOO_MANY_ALIASES = `more than ${MAX_ALIASES} aliases are used: replace them with their values`;
const UNRESOLVED_ALIAS = 'an alias has no anchor before it: replace it with its value';

export function parseYaml(text: string): ParsedYaml {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    merge: false,
    resolveKnownTags: false,
    // The library compares values, for which 1 and "1" differ; the config-file parser compares texts.
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter,
  });
  const toPosition = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  const [error] = [...document.errors, ...document.warnings];
  const aliases = resolveAliases(document, toPosition);
  const errors =
    error === undefined
      ? aliases.errors
      : [{ position: toPosition(error.pos[0]), message: MESSAGE_BY_CODE[error.code] ?? DEFAULT_MESSAGE }];
  return {
    root: document.contents,
    errors,
    resolveAlias: (node) => (isAlias(node) ? aliases.targets.get(node) : isNode(node) ? node : undefined),
    positionOf: (node) => (isNode(node) && node.range ? toPosition(node.range[0]) : undefined),
  };
}

interface ResolvedAliases {
  /** The node that each alias refers to. */
  readonly targets: ReadonlyMap<Node, Node>;
  readonly errors: readonly YamlError[];
}

/** Resolves all aliases in one pass. The library's `resolveAlias` visits the whole document for each alias. */
function resolveAliases(document: Document, toPosition: (offset: number) => Position): ResolvedAliases {
  const anchors = new Map<string, Node>();
  const targets = new Map<Node, Node>();
  const errors: YamlError[] = [];
  visit(document, (_, node) => {
    if (!isAlias(node)) {
      if (isNode(node) && node.anchor) anchors.set(node.anchor, node);
      return undefined;
    }
    const target = anchors.get(node.source);
    if (target !== undefined && targets.size < MAX_ALIASES) {
      targets.set(node, target);
      return undefined;
    }
    const message = target === undefined ? UNRESOLVED_ALIAS : TOO_MANY_ALIASES;
    errors.push({ position: node.range ? toPosition(node.range[0]) : undefined, message });
    return visit.BREAK;
  });
  return { targets, errors };
}

/** The pairs of a mapping; empty for any other node. */
export const mapEntries = (node: unknown): readonly Pair[] => (isMap(node) ? node.items : []);

/**
 * A scalar's text as written in the file, so that numbers such as `1e3`, `0x10` and `017` are not reformatted.
 * @returns undefined for null
 */
export function scalarText({ value, source }: Scalar): string | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === 'string' ? value : (source ?? String(value));
}

/** Every text in a node, without those of aliases. */
export function collectTexts(node: unknown): readonly string[] {
  const texts: string[] = [];
  if (isNode(node))
    visit(node, {
      Scalar: (_, scalar) => {
        const text = scalarText(scalar);
        if (text !== undefined && text !== '') texts.push(text);
      },
    });
  return texts;
}

export { isMap, isScalar, isSeq } from 'yaml';

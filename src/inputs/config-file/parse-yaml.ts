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
 * What a text in YAML 1.2's core schema says, for readers that want to know where it says it. Sentences about faults are
 * our own, since the library's quote the text, and a secret may stand there by mistake.
 */
export interface ParsedYaml {
  /** Null where the text is empty. */
  readonly root: Node | null;
  /** Why it is not taken; empty where it is. */
  readonly errors: readonly YamlError[];
  /** What a node stands for: itself or, of an alias, what that repeats. Undefined where there is nothing. */
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
  BAD_INDENT: 'the indentation does not fit what is above it: align it, and close brackets and quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a second colon makes no sense here: put the text into quotes, or correct the indentation',
  MISSING_CHAR: 'a quote, bracket, comma or colon is missing: complete it',
  BAD_SCALAR_START: 'a text cannot begin with this character: put it into quotes',
  BAD_DQ_ESCAPE: 'within double quotes a backslash begins an escape, and this is none: use single quotes',
  MULTILINE_IMPLICIT_KEY:
    'a name and its colon have to be on one line: join them, or put a text of several lines behind |',
  MULTIPLE_DOCS: 'a second document begins, but only one is read: join them',
  TAG_RESOLVE_FAILED: 'tags other than YAML’s own for text, numbers and booleans are not taken: remove it',
  RESOURCE_EXHAUSTION:
    'it is nested too deeply: inputs are texts, lists and mappings, and nothing within these',
};

const DEFAULT_MESSAGE = 'this is no valid YAML: correct it (an editor with YAML support shows where)';

/** Aliases that a text may use; each repeats what is elsewhere, so they could make much out of little. */
const MAX_ALIASES = 100;

const TOO_MANY_ALIASES = `more than ${MAX_ALIASES} aliases are used: write out what they repeat`;
const UNRESOLVED_ALIAS = 'an alias has no anchor before it: write out what it is to repeat';

export function parseYaml(text: string): ParsedYaml {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    strict: true,
    merge: false,
    resolveKnownTags: false,
    // The library compares values, by which 1 and "1" differ; readers compare texts.
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lineCounter,
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
  /** What each alias repeats. */
  readonly targets: ReadonlyMap<Node, Node>;
  readonly errors: readonly YamlError[];
}

/** One walk over the document: the library's own `resolveAlias` walks it again for each alias. */
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

/** The pairs of a mapping; none of anything else. */
export const mapEntries = (node: unknown): readonly Pair[] => (isMap(node) ? node.items : []);

/**
 * A scalar's text as it stands in the file, so that no number is written anew: `1e3`, `0x10` and `017` stay so.
 * @returns undefined for null
 */
export function scalarText({ value, source }: Scalar): string | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === 'string' ? value : (source ?? String(value));
}

/** Every text below a node, aliases left out. */
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

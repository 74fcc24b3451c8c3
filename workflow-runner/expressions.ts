import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';
import { type Token as LexerToken, TokenType } from '@actions/expressions/lexer';
import { truthy } from '@actions/expressions/result';
import { isBasicExpression, isMapping, isScalar, type Token } from './workflow-parser.ts';

/** `job.status`, from which the status functions take their result. */
export type JobStatus = 'success' | 'failure' | 'cancelled';

/** The contexts that an expression can use, as plain JSON; a missing one is empty. */
export type Contexts = Readonly<Partial<Record<ContextName, unknown>>>;

const CONTEXT_NAMES = [
  'github',
  'env',
  'vars',
  'job',
  'jobs',
  'steps',
  'runner',
  'secrets',
  'strategy',
  'matrix',
  'needs',
  'inputs',
] as const;

/** The combined status of the jobs that a job needs. For 'skipped', `success()` and `failure()` are both false. */
export type NeedsStatus = JobStatus | 'skipped';

type ContextName = (typeof CONTEXT_NAMES)[number];

/** An expression that cannot be parsed or evaluated; the message quotes it. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

function toExpressionData(value: unknown): data.ExpressionData {
  return JSON.parse(JSON.stringify(value ?? {}), data.reviver);
}

function findMatches(workspace: string, pattern: string): string[] {
  return globSync(pattern, { cwd: workspace }).map((path) => join(workspace, path));
}

function isInside(folder: string, path: string): boolean {
  const relativePath = relative(folder, path);
  return relativePath !== '' && !relativePath.startsWith('..') && !isAbsolute(relativePath);
}

/**
 * GitHub's `hashFiles`: the SHA-256 of the SHA-256 of each file in the workspace that matches a pattern, as hex.
 * Empty if no file matches. A pattern that begins with `!` excludes files that earlier patterns matched.
 */
function hashFiles(workspace: string, patterns: readonly string[]): string {
  const matchedFiles = new Set<string>();
  for (const pattern of patterns.flatMap((each) => each.split('\n')).map((each) => each.trim())) {
    if (pattern.startsWith('!')) {
      for (const path of findMatches(workspace, pattern.slice(1))) matchedFiles.delete(path);
    } else if (pattern !== '' && !pattern.startsWith('#')) {
      for (const path of findMatches(workspace, pattern)) matchedFiles.add(path);
    }
  }
  const files = [...matchedFiles]
    .filter((path) => isInside(workspace, path) && statSync(path).isFile())
    .toSorted();
  if (files.length === 0) return '';
  const combinedHash = createHash('sha256');
  for (const file of files) combinedHash.update(createHash('sha256').update(readFileSync(file)).digest());
  return combinedHash.digest('hex');
}

function booleanFunction(name: string, call: () => boolean): FunctionDefinition {
  return { name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(call()) };
}

function builtInFunctions(status: () => NeedsStatus, workspace: string): FunctionDefinition[] {
  return [
    booleanFunction('success', () => status() === 'success'),
    booleanFunction('failure', () => status() === 'failure'),
    booleanFunction('cancelled', () => status() === 'cancelled'),
    booleanFunction('always', () => true),
    {
      name: 'hashFiles',
      minArgs: 1,
      maxArgs: 255,
      call: (...patterns) =>
        new data.StringData(
          hashFiles(
            workspace,
            patterns.map((pattern) => pattern.coerceString()),
          ),
        ),
    },
  ];
}

// The lexer (0.3.61) unescapes only the first doubled quote of a string, so each string is unescaped again here.
function tokenize(expression: string): LexerToken[] {
  return new Lexer(expression).lex().tokens.map((token) => {
    if (token.type !== TokenType.STRING) return token;
    return { ...token, value: token.lexeme.slice(1, -1).replaceAll("''", "'") };
  });
}

/** Evaluates GitHub's expressions with one set of contexts and the job's current status. */
export class ExpressionEvaluator {
  readonly #contexts: Contexts;
  readonly #functions: FunctionDefinition[];

  /**
   * @param status the result of the status functions, read at each evaluation.
   * @param workspace the folder in which `hashFiles` searches.
   */
  constructor(contexts: Contexts, status: () => NeedsStatus, workspace: string) {
    this.#contexts = contexts;
    this.#functions = builtInFunctions(status, workspace);
  }

  /**
   * The value of an expression without its `${{ }}`.
   * @throws {ExpressionError} if it cannot be parsed or evaluated.
   */
  evaluate(expression: string): data.ExpressionData {
    try {
      const parsed = new Parser(tokenize(expression), [...CONTEXT_NAMES], this.#functions).parse();
      const context = new data.Dictionary();
      for (const name of CONTEXT_NAMES) context.add(name, toExpressionData(this.#contexts[name]));
      const functionsByName = new Map(this.#functions.map((each) => [each.name.toLowerCase(), each]));
      return new Evaluator(parsed, context, functionsByName).evaluate();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ExpressionError(`The expression '${expression}' cannot be evaluated: ${reason}`);
    }
  }

  /** Evaluates a condition by the rules of `if:`. */
  evaluateCondition(condition: string): boolean {
    return truthy(this.evaluate(condition));
  }
}

/**
 * The text of a scalar, its expressions evaluated; empty for a missing or null one.
 * @throws {ExpressionError} if an expression fails.
 */
export function evaluateString(token: Token | undefined, evaluator: ExpressionEvaluator): string {
  if (token === undefined) return '';
  if (isBasicExpression(token)) return evaluator.evaluate(token.expression).coerceString();
  return isScalar(token) ? token.toString() : '';
}

/** The number in a scalar, its expressions evaluated; undefined if it is missing or not a number. */
export function evaluateNumber(token: Token | undefined, evaluator: ExpressionEvaluator): number | undefined {
  const value = evaluateString(token, evaluator).trim();
  return value === '' || Number.isNaN(Number(value)) ? undefined : Number(value);
}

function toStringRecord(value: data.ExpressionData, expression: string): Record<string, string> {
  if (!(value instanceof data.Dictionary)) {
    throw new ExpressionError(`The expression '${expression}' must give an object of names and values.`);
  }
  return Object.fromEntries(value.pairs().map((pair) => [pair.key, pair.value.coerceString()]));
}

/**
 * The entries of a mapping such as `env:` or `with:`, each evaluated, in the order written.
 * @throws {ExpressionError} if an expression fails, or if the token is an expression that does not give an object.
 */
export function evaluateMapping(
  token: Token | undefined,
  evaluator: ExpressionEvaluator,
): Record<string, string> {
  if (token === undefined) return {};
  if (isBasicExpression(token)) return toStringRecord(evaluator.evaluate(token.expression), token.expression);
  if (!isMapping(token)) return {};
  const result: Record<string, string> = {};
  for (const { key, value } of token) result[key.toString()] = evaluateString(value, evaluator);
  return result;
}

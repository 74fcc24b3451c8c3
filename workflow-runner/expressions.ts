import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';
import { type Token, TokenType } from '@actions/expressions/lexer';
import { truthy } from '@actions/expressions/result';
import { hashFiles } from './hash-files.ts';

/** Where a job stands: what `job.status` says and the status functions answer from. */
export type JobStatus = 'success' | 'failure' | 'cancelled';

/** Every context that a workflow may name, as plain JSON; a missing one is empty. */
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

/** Where a job's `if` stands: its needs may also have been skipped, of which no status function tells. */
export type NeedsStatus = JobStatus | 'skipped';

type ContextName = (typeof CONTEXT_NAMES)[number];

/** An expression that cannot be read or evaluated; the message quotes it. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

function toExpressionData(value: unknown): data.ExpressionData {
  return JSON.parse(JSON.stringify(value ?? {}), data.reviver);
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

// The lexer (0.3.61) unescapes only the first doubled quote of a string, so each string is read again here.
function tokenize(expression: string): Token[] {
  return new Lexer(expression).lex().tokens.map((token) => {
    if (token.type !== TokenType.STRING) return token;
    return { ...token, value: token.lexeme.slice(1, -1).replaceAll("''", "'") };
  });
}

/** Evaluates GitHub's expressions in one place of a run: its contexts and where its job stands. */
export class ExpressionEvaluator {
  readonly #contexts: Contexts;
  readonly #functions: FunctionDefinition[];

  /**
   * @param status answers for the status functions; asked at each evaluation.
   * @param workspace the folder that `hashFiles` looks into.
   */
  constructor(contexts: Contexts, status: () => NeedsStatus, workspace: string) {
    this.#contexts = contexts;
    this.#functions = builtInFunctions(status, workspace);
  }

  /**
   * The value of an expression without its `${{ }}`.
   * @throws {ExpressionError} where it cannot be read or evaluated.
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

  /** The value of a condition, by the rules of `if:`. */
  evaluateCondition(condition: string): boolean {
    return truthy(this.evaluate(condition));
  }
}

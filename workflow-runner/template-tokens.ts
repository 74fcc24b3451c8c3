import { data } from '@actions/expressions';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';
import { ExpressionError, type ExpressionEvaluator } from './expressions.ts';
import { isBasicExpression, isMapping, isScalar } from './workflow-parser.ts';

export type Token = TemplateToken;

/**
 * The text of a scalar, its expressions evaluated; empty for a missing or null one.
 * @throws {ExpressionError} where an expression fails.
 */
export function evaluateString(token: Token | undefined, expressions: ExpressionEvaluator): string {
  if (token === undefined) return '';
  if (isBasicExpression(token)) return expressions.evaluate(token.expression).coerceString();
  return isScalar(token) ? token.toString() : '';
}

/** The number that a scalar stands for, undefined where there is none (or it is no number). */
export function evaluateNumber(
  token: Token | undefined,
  expressions: ExpressionEvaluator,
): number | undefined {
  const value = evaluateString(token, expressions).trim();
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
 * @throws {ExpressionError} where an expression fails, or the whole is an expression that gives no object.
 */
export function evaluateMapping(
  token: Token | undefined,
  expressions: ExpressionEvaluator,
): Record<string, string> {
  if (token === undefined) return {};
  if (isBasicExpression(token))
    return toStringRecord(expressions.evaluate(token.expression), token.expression);
  if (!isMapping(token)) return {};
  const result: Record<string, string> = {};
  for (const { key, value } of token) result[key.toString()] = evaluateString(value, expressions);
  return result;
}

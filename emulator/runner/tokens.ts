import { data } from '@actions/expressions';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';
import { ExpressionFault, type Expressions } from './expressions.ts';
import { isBasicExpression, isMapping, isScalar } from './workflow-parser.ts';

export type Token = TemplateToken;

/**
 * The text of a scalar, its expressions evaluated; empty for a missing or null one.
 * @throws {ExpressionFault} where an expression fails.
 */
export function text(token: Token | undefined, expressions: Expressions): string {
  if (token === undefined) return '';
  if (isBasicExpression(token)) return expressions.value(token.expression).coerceString();
  return isScalar(token) ? token.toString() : '';
}

/** The number that a scalar stands for, undefined where there is none (or it is no number). */
export function number(token: Token | undefined, expressions: Expressions): number | undefined {
  const value = text(token, expressions).trim();
  return value === '' || Number.isNaN(Number(value)) ? undefined : Number(value);
}

function dictionary(value: data.ExpressionData, expression: string): Record<string, string> {
  if (!(value instanceof data.Dictionary)) {
    throw new ExpressionFault(`The expression '${expression}' must give an object of names and values.`);
  }
  return Object.fromEntries(value.pairs().map((pair) => [pair.key, pair.value.coerceString()]));
}

/**
 * The entries of a mapping such as `env:` or `with:`, each evaluated, in the order written.
 * @throws {ExpressionFault} where an expression fails, or the whole is an expression that gives no object.
 */
export function entries(token: Token | undefined, expressions: Expressions): Record<string, string> {
  if (token === undefined) return {};
  if (isBasicExpression(token)) return dictionary(expressions.value(token.expression), token.expression);
  if (!isMapping(token)) return {};
  const result: Record<string, string> = {};
  for (const { key, value } of token) result[key.toString()] = text(value, expressions);
  return result;
}

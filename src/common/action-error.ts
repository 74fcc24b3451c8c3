import { inspect } from 'node:util';
import type { ErrorCode } from './error-catalog/catalog.ts';
import type { ErrorText } from './error-catalog/error-entry.ts';
import { sanitizeText } from './sanitize.ts';

/** The parts of an error that Azure returned. */
export interface AzureDetails {
  readonly code: string;
  readonly message: string;
  /** HTTP status; undefined if an accepted operation failed later. */
  readonly status?: number;
  /** Set when Azure rejected the only request that was sent, so that it cannot have an effect. */
  readonly wasRejected?: true;
  readonly correlationId?: string;
}

export interface ActionErrorOptions {
  readonly cause?: unknown;
  readonly azure?: AzureDetails;
}

/** An error of the catalog. `message` is the whole text: what happened, Azure's code and correlation id, what to do. */
export class ActionError extends Error {
  readonly code: ErrorCode;
  readonly summary: string;
  readonly hint: string;
  readonly azure: AzureDetails | undefined;

  constructor(code: ErrorCode, text: ErrorText, options: ActionErrorOptions) {
    const azure = options.azure && sanitizeStrings(options.azure);
    super(renderError(code, text, azure), options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ActionError';
    this.code = code;
    this.summary = text.summary;
    this.hint = text.hint;
    this.azure = azure;
  }
}

function renderError(
  code: ErrorCode,
  { summary, hint, url }: ErrorText,
  azure: AzureDetails | undefined,
): string {
  const azureMessage = azure && `Azure error: ${azure.code || '(no code)'}: ${azure.message}`;
  const correlation = azure?.correlationId && `Correlation id: ${azure.correlationId}`;
  return [summary, azureMessage, correlation, `What to do: ${hint}`, url && `See ${url}`, `(${code})`]
    .filter(Boolean)
    .join('\n');
}

/**
 * Limits every string of an object and of its lists: texts of Azure, GitHub, PostgreSQL or a file can have any length and
 * any characters.
 */
export function sanitizeStrings<T extends object>(values: T): T {
  const sanitize = (value: unknown): unknown => {
    if (typeof value === 'string') return sanitizeText(value);
    return Array.isArray(value) ? value.map(sanitize) : value;
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, sanitize(value)])) as T;
}

/**
 * Message of any thrown value, for logs and for wrapping: limited in length, except that of an `ActionError`, whose parts
 * are limited already.
 */
export function getErrorMessage(error: unknown): string {
  return error instanceof ActionError ? error.message : sanitizeText(getRawErrorMessage(error));
}

/** What happened, without the hint of an `ActionError`: for use inside another sentence. */
export const getErrorSummary = (error: unknown): string =>
  error instanceof ActionError ? error.summary : getErrorMessage(error);

/**
 * Message of any thrown value, of any length: for code that searches in it. The message of a cause follows, unless the
 * outer message contains it: many libraries wrap an error in one that says only that something failed.
 */
export function getRawErrorMessage(error: unknown): string {
  if (error instanceof ActionError) return error.message;
  if (!(error instanceof Error)) return typeof error === 'string' ? error : inspect(error);
  const messages: string[] = [];
  for (const each of walkErrors(error)) {
    const text = ownMessage(each);
    if (text !== '' && !messages.some((known) => known.includes(text))) messages.push(text);
    // Its summary contains its causes.
    if (each instanceof ActionError) break;
  }
  // The errors of an aggregate without a message have the same rank.
  const separator = error instanceof AggregateError && error.message === '' ? '; ' : ': ';
  return messages.join(separator) || getErrorCode(error) || error.name;
}

function ownMessage(error: unknown): string {
  if (error instanceof ActionError) return error.summary;
  return error instanceof Error ? error.message : typeof error === 'string' ? error : inspect(error);
}

/** Code of an error of Node.js, a library or PostgreSQL; empty without one. */
function getErrorCode(error: Error): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** How many errors of a chain are read; libraries wrap an error a few times. */
const MAX_CHAIN_LENGTH = 20;

/** An error, then its causes and the errors of an aggregate, the outer before the inner; each once. */
export function walkErrors(error: unknown): readonly unknown[] {
  const found = new Set<unknown>();
  const visit = (each: unknown): void => {
    if (found.has(each) || found.size >= MAX_CHAIN_LENGTH) return;
    found.add(each);
    for (const inner of innerErrors(each)) visit(inner);
  };
  visit(error);
  return [...found];
}

/** The innermost causes of an error: one, or the errors of an aggregate. Cycles and the length of a chain are limited. */
export function getInnermostErrors(error: unknown): readonly unknown[] {
  const chain = walkErrors(error);
  const innermost = chain.filter((each) => !innerErrors(each).some((inner) => chain.includes(inner)));
  return innermost.length > 0 ? innermost : chain;
}

/** The cause of an error and the errors of an aggregate. */
function innerErrors(error: unknown): readonly unknown[] {
  const { cause, errors } = Object(error) as { readonly cause?: unknown; readonly errors?: unknown };
  return [cause, ...(Array.isArray(errors) ? errors : [])].filter(
    (inner) => inner !== undefined && inner !== null,
  );
}

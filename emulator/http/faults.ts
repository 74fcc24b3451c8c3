import { isObject, numberOr, objectOr, stringOr } from '../json.ts';
import type { ImposedFailure, Request, ServiceName } from './exchange.ts';

/** What a fault does to a request that it matches (contract.md, `POST control/faults`). */
export type FaultEffect =
  | { readonly status: number; readonly headers: Record<string, string>; readonly body: unknown }
  | { readonly reset: true }
  | { readonly delay: number }
  | { readonly operationFails: ImposedFailure }
  | { readonly applyThenReset: true };

interface Fault {
  readonly service: string | undefined;
  readonly method: string | undefined;
  readonly path: RegExp | undefined;
  readonly body: RegExp | undefined;
  skip: number;
  times: number;
  readonly effect: FaultEffect;
}

/** A fault that does not say what it should; the message names the field. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
}

function parseStatus(then: Record<string, unknown>, status: number): FaultEffect {
  const headers = Object.entries(objectOr(then['headers'])).map(([name, value]) => [name, String(value)]);
  return { status, headers: Object.fromEntries(headers), body: then['body'] };
}

function parseEffect(value: unknown): FaultEffect {
  const then = objectOr(value);
  const status = numberOr(then['status']);
  const delay = numberOr(then['delay']);
  const failure = then['operationFails'];
  if (status !== undefined) return parseStatus(then, status);
  if (then['reset'] === true) return { reset: true };
  if (delay !== undefined) return { delay };
  if (then['applyThenReset'] === true) return { applyThenReset: true };
  if (isObject(failure)) {
    const { code, message } = failure;
    return { operationFails: { code: stringOr(code) ?? '', message: stringOr(message) ?? '' } };
  }
  throw new FaultError("'then' must be one of status, reset, delay, operationFails, applyThenReset.");
}

function parsePattern(name: string, value: unknown): RegExp | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new FaultError(`'match.${name}' must be a regular expression.`);
  try {
    return new RegExp(value, 'i');
  } catch {
    throw new FaultError(`'match.${name}' is no regular expression: ${value}`);
  }
}

function parseFault(value: unknown): Fault {
  const fault = objectOr(value);
  const match = objectOr(fault['match']);
  return {
    service: stringOr(match['service']),
    method: stringOr(match['method'])?.toUpperCase(),
    path: parsePattern('path', match['path']),
    body: parsePattern('body', match['body']),
    skip: numberOr(fault['skip']) ?? 0,
    times: numberOr(fault['times']) ?? 1,
    effect: parseEffect(fault['then']),
  };
}

/** The faults that tests have asked for, used up in the order in which they were added. */
export class Faults {
  #faults: Fault[] = [];

  /** @throws {FaultError} where it does not say what to match or what to do. */
  add(value: unknown): void {
    this.#faults.push(parseFault(value));
  }

  clear(): void {
    this.#faults = [];
  }

  /**
   * The effect on this request, of the first fault that matches it, if one does. A fault's `skip` lets that many
   * matching requests pass, `times` is how many it strikes after them.
   */
  strike(service: ServiceName, request: Request): FaultEffect | undefined {
    for (const fault of this.#faults) {
      if (fault.times <= 0 || !matches(fault, service, request)) continue;
      if (fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      fault.times -= 1;
      return fault.effect;
    }
    return undefined;
  }
}

function matches(fault: Fault, service: ServiceName, request: Request): boolean {
  return (
    (fault.service ?? service) === service &&
    (fault.method ?? request.method) === request.method &&
    (fault.path?.test(request.path) ?? true) &&
    (fault.body?.test(request.text) ?? true)
  );
}

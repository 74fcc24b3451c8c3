import type { InjectedFailure, ServiceName } from './http-types.ts';
import { asNumber, asObject, asString, isJsonObject } from './json.ts';

/** What a fault applies to: a request to one of the services, or a statement of a PostgreSQL client. */
export type FaultServiceName = ServiceName | 'postgres';

/** A request or a statement. A field that it does not have is undefined, and matches no pattern. */
export interface FaultTarget {
  readonly method?: string;
  readonly path?: string;
  readonly bodyText?: string;
  readonly statement?: string;
}

/** A request or a statement that is held until the fault is removed: before it takes effect, or only its answer. */
export interface Hold {
  readonly hold: 'request' | 'answer';
  /** Must be called when the hold starts. */
  readonly onHeld: () => void;
  /** Resolves when the fault is removed. */
  readonly released: Promise<void>;
}

/** Report that the hold has started, and wait until it is released. */
export function waitForRelease({ onHeld, released }: Hold): Promise<void> {
  onHeld();
  return released;
}

/** What a fault does to a request that it matches; see "Fault injection" in emulator/README.md. */
export type FaultEffect =
  | Hold
  | { readonly status: number; readonly headers: Record<string, string>; readonly body: unknown }
  | { readonly reset: true }
  | { readonly delay: number }
  | { readonly operationFails: InjectedFailure }
  | { readonly applyThenReset: true };

/** As {@link FaultEffect}, without the promise and the callback of one particular hold. */
type ParsedEffect = Exclude<FaultEffect, Hold> | Pick<Hold, 'hold'>;

interface Fault {
  readonly service: string | undefined;
  readonly method: string | undefined;
  readonly path: RegExp | undefined;
  readonly body: RegExp | undefined;
  readonly statement: RegExp | undefined;
  skip: number;
  times: number;
  readonly effect: ParsedEffect;
  /** Resolves when the fault applies for the first time. For a hold: when the hold starts. */
  readonly triggered: PromiseWithResolvers<void>;
  /** Resolves when the fault is removed. */
  readonly released: PromiseWithResolvers<void>;
}

/** A fault with an invalid or missing field, or an unknown fault. The message names it. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
}

function parseStatus(then: Record<string, unknown>, status: number): ParsedEffect {
  const headers = Object.entries(asObject(then['headers'])).map(([name, value]) => [name, String(value)]);
  return { status, headers: Object.fromEntries(headers), body: then['body'] };
}

function parseEffect(value: unknown): ParsedEffect {
  if (value === 'hold') return { hold: 'request' };
  if (value === 'holdAnswer') return { hold: 'answer' };
  const then = asObject(value);
  const status = asNumber(then['status']);
  const delay = asNumber(then['delay']);
  const failure = then['operationFails'];
  if (status !== undefined) return parseStatus(then, status);
  if (then['reset'] === true) return { reset: true };
  if (delay !== undefined) return { delay };
  if (then['applyThenReset'] === true) return { applyThenReset: true };
  if (isJsonObject(failure)) {
    const { code, message } = failure;
    return { operationFails: { code: asString(code) ?? '', message: asString(message) ?? '' } };
  }
  throw new FaultError(
    "'then' must be one of status, reset, delay, operationFails, applyThenReset, or the text 'hold' or 'holdAnswer'.",
  );
}

function parsePattern(name: string, value: unknown): RegExp | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new FaultError(`'match.${name}' must be a regular expression.`);
  try {
    return new RegExp(value, 'i');
  } catch {
    throw new FaultError(`'match.${name}' is not a valid regular expression: ${value}`);
  }
}

function parseFault(value: unknown): Fault {
  const fault = asObject(value);
  const match = asObject(fault['match']);
  const service = asString(match['service']);
  const effect = parseEffect(fault['then']);
  if (service === 'postgres' && !('hold' in effect))
    throw new FaultError("A statement can only be held: 'then' must be 'hold' or 'holdAnswer'.");
  const triggered = Promise.withResolvers<void>();
  // A fault that is removed rejects this promise, even if no call waits for it.
  triggered.promise.catch(() => {});
  return {
    service,
    method: asString(match['method'])?.toUpperCase(),
    path: parsePattern('path', match['path']),
    body: parsePattern('body', match['body']),
    statement: parsePattern('statement', match['statement']),
    skip: asNumber(fault['skip']) ?? 0,
    times: asNumber(fault['times']) ?? 1,
    effect,
    triggered,
    released: Promise.withResolvers<void>(),
  };
}

/** The faults that tests have added. If several match, the oldest applies first. */
export class FaultRegistry {
  readonly #faults = new Map<number, Fault>();
  #lastId = 0;

  /**
   * Add a fault in the form of `POST control/faults`.
   * @returns the id of the fault.
   * @throws {FaultError} if a field is invalid.
   */
  add(value: unknown): number {
    const fault = parseFault(value);
    this.#lastId += 1;
    this.#faults.set(this.#lastId, fault);
    return this.#lastId;
  }

  /** Remove one fault, or all of them, and release what they hold. */
  remove(id?: number): void {
    for (const [key, fault] of this.#faults) {
      if (id !== undefined && id !== key) continue;
      this.#faults.delete(key);
      fault.released.resolve();
      fault.triggered.reject(new FaultError(`Fault ${key} was removed before it was triggered.`));
    }
  }

  /**
   * Resolves when a fault has applied for the first time.
   * @throws {FaultError} if no such fault exists, or when it is removed before it applies.
   */
  async waitUntilTriggered(id: number): Promise<void> {
    const fault = this.#faults.get(id);
    if (!fault) throw new FaultError(`Fault ${id} does not exist.`);
    await fault.triggered.promise;
  }

  /**
   * The effect of the first fault that matches this request or statement. A fault ignores its first `skip` matches and
   * applies to the next `times`.
   */
  consume(service: FaultServiceName, target: FaultTarget): FaultEffect | undefined {
    for (const fault of this.#faults.values()) {
      if (fault.times <= 0 || !matchesTarget(fault, service, target)) continue;
      if (fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      fault.times -= 1;
      const { effect, triggered, released } = fault;
      if ('hold' in effect) return { ...effect, onHeld: triggered.resolve, released: released.promise };
      triggered.resolve();
      return effect;
    }
    return undefined;
  }
}

function matchesTarget(fault: Fault, service: FaultServiceName, target: FaultTarget): boolean {
  // A fault without a service matches requests of every service, and no statement.
  const expectedService = fault.service ?? (service === 'postgres' ? undefined : service);
  const matchesPattern = (pattern: RegExp | undefined, text: string | undefined): boolean =>
    pattern === undefined || (text !== undefined && pattern.test(text));
  return (
    expectedService === service &&
    (fault.method ?? target.method) === target.method &&
    matchesPattern(fault.path, target.path) &&
    matchesPattern(fault.body, target.bodyText) &&
    matchesPattern(fault.statement, target.statement)
  );
}

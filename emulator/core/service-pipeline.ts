import { type FaultEffect, type FaultRegistry, waitForRelease } from './faults.ts';
import type { HandlerOutcome, HttpResponder } from './http-listener.ts';
import type { HttpHandler, HttpRequest, HttpResponse, ServiceName } from './http-types.ts';
import type { RequestRecorder } from './request-recorder.ts';
import type { Timers } from './timers.ts';

/** What every emulated service shares. */
export interface ServiceContext {
  readonly recorder: RequestRecorder;
  readonly faults: FaultRegistry;
  readonly timers: Timers;
}

async function callHandler(handler: HttpHandler, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error;
    // A bug in the emulator. Services never answer with this status.
    console.error(error);
    return { status: 599, body: { error: { code: 'EmulatorDefect', message: String(error) } } };
  }
}

async function computeOutcome(
  handler: HttpHandler,
  request: HttpRequest,
  effect: FaultEffect | undefined,
  timers: Timers,
): Promise<{ outcome: HandlerOutcome; status: number | null }> {
  if (effect && 'reset' in effect) return { outcome: { drop: true }, status: null };
  if (effect && 'status' in effect) return { outcome: { reply: effect }, status: effect.status };
  if (effect && 'delay' in effect) await timers.sleep(effect.delay);
  const hold = effect && 'hold' in effect ? effect : undefined;
  if (hold?.hold === 'request') await waitForRelease(hold);
  const injectedFailure = effect && 'operationFails' in effect ? effect.operationFails : undefined;
  const reply = await callHandler(handler, { ...request, injectedFailure });
  if (hold?.hold === 'answer') await waitForRelease(hold);
  const isResponseLost = effect !== undefined && 'applyThenReset' in effect;
  return { outcome: isResponseLost ? { drop: true } : { reply }, status: reply.status };
}

/** Record the requests of a service, apply faults to them, and delay the answers by `latencyMs` milliseconds. */
export function createServiceResponder(
  service: ServiceName,
  handler: HttpHandler,
  context: ServiceContext,
  latencyMs: number,
): HttpResponder {
  return async (request) => {
    const entry = context.recorder.record(service, request);
    const effect = context.faults.consume(service, request);
    const { outcome, status } = await computeOutcome(handler, request, effect, context.timers);
    entry.status = status;
    await context.timers.sleep(latencyMs);
    entry.answeredAt = new Date().toISOString();
    return outcome;
  };
}

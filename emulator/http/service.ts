import type { Clock } from '../clock.ts';
import { untilReleased } from '../hold.ts';
import type { Handler, Reply, Request, ServiceName } from './exchange.ts';
import type { FaultEffect, Faults } from './faults.ts';
import type { Outcome, Responder } from './listener.ts';
import type { Recorder } from './recorder.ts';

/** What stands between the listeners and every emulated service. */
export interface ServiceContext {
  readonly recorder: Recorder;
  readonly faults: Faults;
  readonly clock: Clock;
}

async function handle(handler: Handler, request: Request): Promise<Reply> {
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error;
    // A defect of the emulator itself: say it where a person looks, and answer what no service ever answers.
    console.error(error);
    return { status: 599, body: { error: { code: 'EmulatorDefect', message: String(error) } } };
  }
}

async function outcomeOf(
  handler: Handler,
  request: Request,
  effect: FaultEffect | undefined,
  clock: Clock,
): Promise<{ outcome: Outcome; status: number | null }> {
  if (effect && 'reset' in effect) return { outcome: { drop: true }, status: null };
  if (effect && 'status' in effect) return { outcome: { reply: effect }, status: effect.status };
  if (effect && 'delay' in effect) await clock.wait(effect.delay);
  const hold = effect && 'hold' in effect ? effect : undefined;
  if (hold?.hold === 'request') await untilReleased(hold);
  const imposedFailure = effect && 'operationFails' in effect ? effect.operationFails : undefined;
  const reply = await handle(handler, { ...request, imposedFailure });
  if (hold?.hold === 'answer') await untilReleased(hold);
  const lost = effect !== undefined && 'applyThenReset' in effect;
  return { outcome: lost ? { drop: true } : { reply }, status: reply.status };
}

/** A handler as one of the emulated services: recorded, struck by faults, `latency` milliseconds away. */
export function serviceResponder(
  service: ServiceName,
  handler: Handler,
  context: ServiceContext,
  latency: number,
): Responder {
  return async (request) => {
    const entry = context.recorder.record(service, request);
    const effect = context.faults.strike(service, request);
    const { outcome, status } = await outcomeOf(handler, request, effect, context.clock);
    entry.status = status;
    await context.clock.wait(latency);
    return outcome;
  };
}

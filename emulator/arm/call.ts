import type { Clock } from '../clock.ts';
import { jsonBody, type Reply, type Request } from '../http/exchange.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { EmulatorOptions } from '../options.ts';
import type { PostgresFactory } from '../postgres/types.ts';
import { gatewayErrors } from './errors.ts';
import type { Operations } from './operations.ts';
import type { Store } from './store.ts';

/** What every part of the emulated ARM works with. */
export interface ArmContext {
  readonly store: Store;
  readonly operations: Operations;
  readonly options: EmulatorOptions;
  readonly clock: Clock;
  readonly tenantId: string;
  /** The data plane, loaded when it is first needed. */
  readonly postgres: () => Promise<PostgresFactory>;
}

/** One authenticated request to ARM, with the names in its path. */
export interface ArmCall {
  readonly request: Request;
  readonly apiVersion: string;
  /** Names from the path by their placeholder, decoded; absent ones are ''. */
  readonly names: {
    readonly subscription: string;
    readonly group: string;
    readonly location: string;
    readonly server: string;
    readonly child: string;
  };
}

export type ArmHandler = (call: ArmCall, context: ArmContext) => Reply | Promise<Reply>;

/**
 * The body as a JSON object.
 * @throws {ArmError} 400 InvalidRequestContent for anything else.
 */
export function bodyOf(call: ArmCall): JsonObject {
  let body: unknown;
  try {
    body = jsonBody(call.request);
  } catch (error) {
    throw gatewayErrors.invalidContent(error instanceof Error ? error.message : String(error));
  }
  if (!isObject(body)) throw gatewayErrors.invalidContent('A JSON object was expected.');
  return body;
}

const envelope = new Set(
  'id,name,type,location,tags,sku,identity,properties,plan,kind,zones,managedBy,extendedLocation,systemData,etag'.split(
    ',',
  ),
);

/**
 * The body of a tracked resource. ARM reads its envelope strictly and leaves `properties` to the provider.
 * @throws {ArmError} 400 InvalidRequestContent for a member that no resource has.
 */
export function resourceBodyOf(call: ArmCall): JsonObject {
  const body = bodyOf(call);
  const unknown = Object.keys(body).find((name) => !envelope.has(name));
  if (unknown === undefined) return body;
  throw gatewayErrors.invalidContent(
    `Could not find member '${unknown}' on object of type 'ResourceDefinition'. Path '${unknown}', line 1, position ${
      call.request.text.indexOf(`"${unknown}"`) + unknown.length + 3
    }.`,
  );
}

/**
 * The body's tags: names and values are strings.
 * @returns undefined where the body has none.
 * @throws {ArmError} 400 InvalidRequestContent.
 */
export function tagsOf(body: JsonObject): Record<string, string> | undefined {
  const { tags } = body;
  if (tags === undefined || tags === null) return undefined;
  if (!isObject(tags)) throw gatewayErrors.invalidContent("The value of 'tags' must be an object.");
  const entries = Object.entries(tags).map(([name, value]): [string, string] => {
    if (typeof value !== 'string') throw gatewayErrors.invalidContent(`The tag '${name}' must be a string.`);
    return [name, value];
  });
  return Object.fromEntries(entries);
}

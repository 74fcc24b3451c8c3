import { type HttpRequest, type HttpResponse, parseJsonBody } from '../../core/http-types.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { Timers } from '../../core/timers.ts';
import type { EmulatorOptions } from '../../options.ts';
import type { PostgresFactory } from '../../postgres/types.ts';
import type { ArmStore } from './arm-store.ts';
import { gatewayErrors } from './errors.ts';
import type { Operations } from './operations.ts';

/** What every part of the emulated ARM works with. */
export interface ArmContext {
  readonly store: ArmStore;
  readonly operations: Operations;
  readonly options: EmulatorOptions;
  readonly timers: Timers;
  readonly tenantId: string;
  /** The data plane, loaded when it is first needed. */
  readonly getPostgresFactory: () => Promise<PostgresFactory>;
}

/** One authenticated request to ARM, with the names in its path. */
export interface ArmRequest {
  readonly request: HttpRequest;
  readonly apiVersion: string;
  /** Names from the path by their placeholder, decoded; absent ones are ''. */
  readonly params: {
    readonly subscription: string;
    readonly group: string;
    readonly location: string;
    readonly server: string;
    readonly child: string;
  };
}

export type ArmHandler = (call: ArmRequest, context: ArmContext) => HttpResponse | Promise<HttpResponse>;

/**
 * The body as a JSON object.
 * @throws {ArmError} 400 InvalidRequestContent for anything else.
 */
export function parseBody(call: ArmRequest): JsonObject {
  let body: unknown;
  try {
    body = parseJsonBody(call.request);
  } catch (error) {
    throw gatewayErrors.invalidContent(error instanceof Error ? error.message : String(error));
  }
  if (!isJsonObject(body)) throw gatewayErrors.invalidContent('A JSON object was expected.');
  return body;
}

const ENVELOPE_MEMBERS = new Set(
  'id,name,type,location,tags,sku,identity,properties,plan,kind,zones,managedBy,extendedLocation,systemData,etag'.split(
    ',',
  ),
);

/**
 * The body of a tracked resource. ARM reads its envelope strictly and leaves `properties` to the provider.
 * @throws {ArmError} 400 InvalidRequestContent for a member that no resource has.
 */
export function parseResourceBody(call: ArmRequest): JsonObject {
  const body = parseBody(call);
  const unknownMember = Object.keys(body).find((name) => !ENVELOPE_MEMBERS.has(name));
  if (unknownMember === undefined) return body;
  throw gatewayErrors.invalidContent(
    `Could not find member '${unknownMember}' on object of type 'ResourceDefinition'. Path '${unknownMember}', line 1, position ${
      call.request.bodyText.indexOf(`"${unknownMember}"`) + unknownMember.length + 3
    }.`,
  );
}

/**
 * The body's tags: names and values are strings.
 * @returns undefined where the body has none.
 * @throws {ArmError} 400 InvalidRequestContent.
 */
export function parseTags(body: JsonObject): Record<string, string> | undefined {
  const { tags } = body;
  if (tags === undefined || tags === null) return undefined;
  if (!isJsonObject(tags)) throw gatewayErrors.invalidContent("The value of 'tags' must be an object.");
  const entries = Object.entries(tags).map(([name, value]): [string, string] => {
    if (typeof value !== 'string') throw gatewayErrors.invalidContent(`The tag '${name}' must be a string.`);
    return [name, value];
  });
  return Object.fromEntries(entries);
}

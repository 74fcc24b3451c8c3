import { type HttpRequest, parseJsonBody } from '../../core/http-types.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { gatewayErrors } from './arm-errors.ts';

/** The parts of a path that identify a server. */
export interface ServerPath {
  readonly subscription: string;
  readonly group: string;
  readonly server: string;
}

/** One authenticated request to ARM. */
export interface ArmRequest {
  readonly request: HttpRequest;
  readonly apiVersion: string;
  /** The segments of the path by the placeholder in the route, decoded. Missing ones are ''. */
  readonly params: ServerPath & { readonly location: string; readonly child: string };
}

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
 * The body of a tracked resource. ARM checks the top-level members, and the provider checks `properties`.
 * @throws {ArmError} 400 InvalidRequestContent for an unknown top-level member.
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
 * The tags in the body.
 * @returns undefined if the body has no tags.
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

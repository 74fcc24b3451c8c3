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
  readonly params: ServerPath & {
    readonly location: string;
    readonly identity: string;
    readonly child: string;
  };
  /** Who sent it: the claims of its access token. */
  readonly caller: { readonly clientId: string; readonly principalId: string };
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

/** ARM's limits on tags, see docs/azure-behavior.md#names-and-limits. */
const TAG_LIMITS = { count: 50, nameLength: 512, valueLength: 256 } as const;
const RESERVED_TAG_CHARACTERS = /[<>%&\\?/\p{Cc}]/u;
const RESERVED_TAG_PREFIX = /^(?:microsoft|azure|windows)/i;

/** @throws {ArmError} 400; the limits are documented, the codes and messages are inferred. */
function checkTags(entries: readonly (readonly [string, string])[]): void {
  const { count, nameLength, valueLength } = TAG_LIMITS;
  if (entries.length > count) throw gatewayErrors.tooManyTags(entries.length, count);
  for (const [name, value] of entries) {
    if (RESERVED_TAG_CHARACTERS.test(name)) throw gatewayErrors.invalidTagCharacters(name);
    if (name === '' || name.length > nameLength || RESERVED_TAG_PREFIX.test(name))
      throw gatewayErrors.invalidTagName(name, nameLength);
    if (value.length > valueLength) throw gatewayErrors.invalidTagValue(name, valueLength);
  }
  const names = new Set(entries.map(([name]) => name.toLowerCase()));
  if (names.size < entries.length)
    throw gatewayErrors.invalidContent('Tag names that differ in case only are one name.');
}

/**
 * The tags in the body.
 * @returns undefined if the body has no tags.
 * @throws {ArmError} 400 for another type than text, and for what {@link checkTags} rejects.
 */
export function parseTags(body: JsonObject): Record<string, string> | undefined {
  const { tags } = body;
  if (tags === undefined || tags === null) return undefined;
  if (!isJsonObject(tags)) throw gatewayErrors.invalidContent("The value of 'tags' must be an object.");
  const entries = Object.entries(tags).map(([name, value]): [string, string] => {
    if (typeof value !== 'string') throw gatewayErrors.invalidContent(`The tag '${name}' must be a string.`);
    return [name, value];
  });
  checkTags(entries);
  return Object.fromEntries(entries);
}

import type { Server } from '@azure/arm-postgresql-flexible';
import type { AzureWriter } from '../../azure/writer.ts';
import type { BodyContext, ServerBody, serverPropertyEntries } from '../../inputs/server-properties.ts';
import type { ServerConfig } from '../../inputs/types.ts';

export type ServerPropertyEntry = (typeof serverPropertyEntries)[number];

export interface PropertiesToUpdate {
  readonly properties: readonly ServerPropertyEntry[];
  /** Whether the server does not have the declared value. */
  readonly isDifferent: (property: ServerPropertyEntry, server: Server) => boolean;
}

/**
 * Updates properties with one request. What Azure ignores of a request for several is updated alone
 * (docs/azure-behavior.md#combined-updates).
 * @throws `azure-request-failed`, with the names of all properties of the request
 */
export async function updateProperties(
  writer: AzureWriter,
  declared: ServerConfig,
  context: BodyContext,
  { properties, isDifferent }: PropertiesToUpdate,
): Promise<void> {
  if (properties.length === 0) return;
  const findDifferent = (server: Server): readonly ServerPropertyEntry[] =>
    properties.filter((property) => isDifferent(property, server));
  await writer.updateServer(
    (server) => combinedBody(properties, declared, context, server),
    properties.map(([, { name }]) => name).join(', '),
    (server) => findDifferent(server).length === 0,
  );
  if (properties.length === 1) return;
  const observed = await writer.reader.getServer();
  const ignored = observed.status === 'present' ? findDifferent(observed.value.server) : [];
  for (const property of ignored) {
    writer.run.info(
      `Azure has not set ${property[1].name} together with the other properties; setting it alone`,
    );
    await updateProperties(writer, declared, context, { properties: [property], isDifferent });
  }
}

/** Each property gets the server as the ones before set it, so that a later body keeps their tags. */
function combinedBody(
  properties: readonly ServerPropertyEntry[],
  declared: ServerConfig,
  context: BodyContext,
  current: Server,
): ServerBody {
  let body: ServerBody = {};
  for (const [key, property] of properties) {
    const server = { ...current, ...mergeBodies(current, body) };
    body = mergeBodies(body, property.body(declared[key], { ...context, server }));
  }
  return body;
}

/** Members of an object are merged, except for tags, which a body names completely. */
const mergeBodies = (one: ServerBody, other: ServerBody): ServerBody =>
  Object.fromEntries(
    Object.entries({ ...one, ...other }).map(([key, value]) => {
      const earlier = one[key as keyof ServerBody];
      const isMerged = key !== 'tags' && isObject(earlier) && isObject(value);
      return [key, isMerged ? { ...earlier, ...value } : value];
    }),
  );

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

import { readFileSync } from 'node:fs';
import * as sdk from '@azure/arm-postgresql-flexible';
import { isJsonObject } from '../../../emulator/core/json.ts';

// The declarations of the API's answers in Azure's SDK, because the specification is not installed.

/** How the SDK reads a value: the used part of core-client's mappers. */
export interface Mapper {
  readonly serializedName?: string;
  readonly required?: boolean;
  readonly nullable?: boolean;
  readonly constraints?: Readonly<Record<string, unknown>>;
  readonly type: {
    readonly name: string;
    readonly className?: string;
    readonly modelProperties?: Readonly<Record<string, Mapper>>;
    readonly element?: Mapper;
    readonly value?: Mapper;
    readonly allowedValues?: readonly string[];
  };
}

export interface ResponseSpec {
  readonly bodyMapper?: Mapper;
  readonly headersMapper?: Mapper;
}

export interface OperationSpec {
  readonly path: string;
  readonly httpMethod: string;
  /** By status, and `default` for errors. */
  readonly responses: Readonly<Record<string, ResponseSpec>>;
}

/** The declared type of each member, by `Class.member`. */
export type DeclaredTypes = ReadonlyMap<string, string>;

export interface SdkDeclarations {
  readonly mappers: ReadonlyMap<string, Mapper>;
  readonly operations: readonly OperationSpec[];
  readonly types: DeclaredTypes;
}

/** Read the declarations from the installed package. */
export async function loadSdkDeclarations(): Promise<SdkDeclarations> {
  const models = new URL('./models/', import.meta.resolve('@azure/arm-postgresql-flexible'));
  const exported: Record<string, Mapper> = await import(new URL('mappers.js', models).href);
  const mappers = new Map(Object.values(exported).map((mapper) => [mapper.type.className ?? '', mapper]));
  const types = parseDeclaredTypes(readFileSync(new URL('index.d.ts', models), 'utf8'));
  return { mappers, operations: await collectOperations(), types };
}

class OperationCollectedError extends Error {}

/** The SDK does not export its operation specs. So this calls every method, which passes its spec to the client. */
async function collectOperations(): Promise<OperationSpec[]> {
  const credential = { getToken: async () => null };
  const client = new sdk.PostgreSQLManagementFlexibleServerClient(credential, 'subscription');
  const operations = new Set<OperationSpec>();
  const sendOperationRequest = async (_args: unknown, operation: OperationSpec): Promise<never> => {
    operations.add(operation);
    throw new OperationCollectedError();
  };
  Object.assign(client, { sendOperationRequest });
  for (const group of Object.values(client)) {
    if (!isJsonObject(group) || !('client' in group)) continue;
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(group))) {
      const method = Reflect.get(group, name);
      if (name === 'constructor' || typeof method !== 'function') continue;
      await invokeOperation(() => method.call(group, 'a', 'b', 'c', 'd', 'e'));
    }
  }
  return [...operations].filter(({ path }) => path !== '{nextLink}');
}

async function invokeOperation(call: () => unknown): Promise<void> {
  try {
    const result = call();
    // A list sends its first request for its first page.
    const first = isJsonObject(result) ? Reflect.get(result, 'next') : undefined;
    await (typeof first === 'function' ? first.call(result) : result);
  } catch (error) {
    if (!(error instanceof OperationCollectedError)) throw error;
  }
}

function parseDeclaredTypes(text: string): DeclaredTypes {
  const membersByType = new Map<string, Map<string, string>>();
  const parents = new Map<string, string[]>();
  for (const [, name = '', bases = '', body = ''] of text.matchAll(
    /^export interface (\w+)(?: extends ([^{]+))? \{\n([\s\S]*?)^\}/gm,
  )) {
    const members = [...body.matchAll(/^ {4}(?:readonly )?(\w+)\??: ([^;]+);/gm)];
    membersByType.set(name, new Map(members.map(([, member = '', type = '']) => [member, type])));
    parents.set(
      name,
      bases.split(',').map((base) => base.trim()),
    );
  }
  const allMembers = (name: string): [string, string][] => [
    ...(parents.get(name) ?? []).flatMap(allMembers),
    ...(membersByType.get(name) ?? []),
  ];
  return new Map(
    [...membersByType.keys()].flatMap((name) =>
      allMembers(name).map(([member, type]) => [`${name}.${member}`, type]),
    ),
  );
}

/** The declared values of a member whose type is an enumeration; undefined for other types. */
export function knownEnumValues(
  { types }: SdkDeclarations,
  className: string,
  member: string,
): readonly string[] | undefined {
  const type = types.get(`${className}.${member}`)?.replace(/\[\]$/, '');
  const known: unknown = Reflect.get(sdk, `Known${type}`);
  return isJsonObject(known) ? Object.values(known).map(String) : undefined;
}

/**
 * The operation with this method and path.
 * @throws Error if the SDK has none.
 */
export function findOperation({ operations }: SdkDeclarations, method: string, path: string): OperationSpec {
  const pathSegments = path.replace(/\?.*/, '').toLowerCase().split('/');
  const matches = (template: string): boolean => {
    const parts = template.toLowerCase().split('/');
    return (
      parts.length === pathSegments.length &&
      parts.every((part, index) => part.startsWith('{') || part === pathSegments[index])
    );
  };
  const found = operations.find((spec) => spec.httpMethod === method && matches(spec.path));
  if (!found) throw new Error(`The SDK has no operation ${method} ${path}.`);
  return found;
}

import { isJsonObject, type JsonObject } from '../../../emulator/core/json.ts';
import {
  knownEnumValues,
  type Mapper,
  type OperationSpec,
  type SdkDeclarations,
} from './sdk-declarations.ts';

/** A value that Azure sends and the SDK does not declare. */
export interface UndeclaredValue {
  readonly className: string;
  readonly member: string;
  readonly value: string;
}

/**
 * The storage type can be an empty string (Azure/azure-rest-api-specs, Microsoft.DBforPostgreSQL, example ServersGet of
 * 2025-06-01-preview), and the mode of high availability can be Disabled (Azure/azure-service-operator, recording
 * Test_DBForPostgreSQL_FlexibleServer_CRUD). The specification has no enumerations, so both are valid.
 */
export const undeclaredValues: readonly UndeclaredValue[] = [
  { className: 'Storage', member: 'type', value: '' },
  { className: 'HighAvailability', member: 'mode', value: 'Disabled' },
];

/** The class and the member of a value, to find its enumeration. */
interface EnumOwner {
  readonly className: string;
  readonly member: string;
}

/** The members of a composite by their serialized names. `a.b` is a member of a member. */
interface MemberMap extends Map<string, { readonly mapper: Mapper; readonly owner: EnumOwner } | MemberMap> {}

const DATE_TIME_PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Compares answers with the declarations of the SDK. Errors are: an undeclared member, a missing required member, a value of
 * another type, a value that is not in its enumeration or violates a constraint, and null.
 */
export class SdkValidator {
  readonly #declarations: SdkDeclarations;
  readonly #allowedUndeclared: readonly UndeclaredValue[];

  constructor(declarations: SdkDeclarations, undeclared: readonly UndeclaredValue[] = []) {
    this.#declarations = declarations;
    this.#allowedUndeclared = undeclared;
  }

  /** The errors in an answer to this operation. */
  responseErrors(operation: OperationSpec, status: number, body: unknown): string[] {
    const declared = operation.responses[status];
    if (declared === undefined && status < 400) return [`status ${status} is not declared`];
    const { bodyMapper } = declared ?? operation.responses['default'] ?? {};
    return bodyMapper === undefined ? [] : this.valueErrors(body, bodyMapper);
  }

  /** The errors in a value. */
  valueErrors(value: unknown, mapper: Mapper): string[] {
    return this.#check(value, mapper, '$', undefined);
  }

  #check(value: unknown, mapper: Mapper, path: string, owner: EnumOwner | undefined): string[] {
    const { type } = mapper;
    switch (type.name) {
      case 'any':
        return [];
      case 'Composite':
        return this.#checkComposite(value, this.#resolveMapper(mapper), path);
      case 'Dictionary':
        return isJsonObject(value)
          ? Object.entries(value).flatMap(([name, entry]) =>
              this.#check(entry, requireMapper(type.value), `${path}.${name}`, owner),
            )
          : [`${path}: no object`];
      case 'Sequence':
        return [
          ...(Array.isArray(value)
            ? value.flatMap((entry, index) =>
                this.#check(entry, requireMapper(type.element), `${path}[${index}]`, owner),
              )
            : [`${path}: no array`]),
          ...constraintErrors(value, mapper, path),
        ];
      default:
        return [...this.#checkScalar(value, mapper, path, owner), ...constraintErrors(value, mapper, path)];
    }
  }

  #checkScalar(value: unknown, { type }: Mapper, path: string, owner: EnumOwner | undefined): string[] {
    switch (type.name) {
      case 'String':
        if (typeof value !== 'string') return [`${path}: no string`];
        return this.#enumerationErrors(value, path, owner);
      case 'Enum':
        return type.allowedValues?.includes(String(value)) ? [] : [`${path}: no known value: ${value}`];
      case 'Number':
        return typeof value === 'number' && Number.isFinite(value) ? [] : [`${path}: no number`];
      case 'Boolean':
        return typeof value === 'boolean' ? [] : [`${path}: no boolean`];
      case 'DateTime': {
        const text = String(value);
        return DATE_TIME_PATTERN.test(text) && !Number.isNaN(Date.parse(text))
          ? []
          : [`${path}: no date and time`];
      }
      default:
        throw new Error(`${path}: the validator does not support the type ${type.name}.`);
    }
  }

  #enumerationErrors(value: string, path: string, owner: EnumOwner | undefined): string[] {
    if (owner === undefined) return [];
    const { className, member } = owner;
    const known = knownEnumValues(this.#declarations, className, member);
    const recorded = this.#allowedUndeclared.some(
      (each) => each.className === className && each.member === member && each.value === value,
    );
    return known === undefined || recorded || known.includes(value)
      ? []
      : [`${path}: no known value: ${value}`];
  }

  /** The complete mapper of a composite. A reference contains only its name. */
  #resolveMapper(mapper: Mapper): Mapper {
    const { className = '', modelProperties } = mapper.type;
    const found = modelProperties ? mapper : this.#declarations.mappers.get(className);
    if (!found) throw new Error(`The SDK has no mapper of ${className}.`);
    return found;
  }

  #checkComposite(value: unknown, mapper: Mapper, path: string): string[] {
    const { className = '', modelProperties = {} } = mapper.type;
    const members: MemberMap = new Map();
    for (const [member, property] of Object.entries(modelProperties)) {
      const names = (property.serializedName ?? member).split('.');
      const last = names.pop() ?? member;
      let parent = members;
      for (const name of names) {
        const next = parent.get(name);
        const inner: MemberMap = next instanceof Map ? next : new Map();
        parent.set(name, inner);
        parent = inner;
      }
      parent.set(last, { mapper: property, owner: { className, member } });
    }
    return this.#checkMembers(value, members, path);
  }

  #checkMembers(value: unknown, members: MemberMap, path: string): string[] {
    if (!isJsonObject(value)) return [`${path}: no object`];
    const present = Object.entries(value).flatMap(([name, entry]) => {
      const inner = members.get(name);
      if (inner === undefined) return [`${path}.${name}: not declared`];
      if (inner instanceof Map) return this.#checkMembers(entry, inner, `${path}.${name}`);
      if (entry === null && inner.mapper.nullable) return [];
      return this.#check(entry, inner.mapper, `${path}.${name}`, inner.owner);
    });
    return [...present, ...missingMembers(value, members, path)];
  }
}

function missingMembers(value: JsonObject, members: MemberMap, path: string): string[] {
  return [...members].flatMap(([name, inner]) => {
    if (name in value) return [];
    if (inner instanceof Map) return missingMembers({}, inner, `${path}.${name}`);
    return inner.mapper.required ? [`${path}.${name}: missing`] : [];
  });
}

function requireMapper(mapper: Mapper | undefined): Mapper {
  if (!mapper) throw new Error('The SDK does not declare the type of the elements.');
  return mapper;
}

function constraintErrors(value: unknown, { constraints = {} }: Mapper, path: string): string[] {
  return Object.entries(constraints).flatMap(([name, limit]) =>
    satisfiesConstraint(value, name, limit) ? [] : [`${path}: ${name} ${limit} is violated`],
  );
}

function satisfiesConstraint(value: unknown, name: string, limit: unknown): boolean {
  switch (name) {
    case 'InclusiveMinimum':
      return Number(value) >= Number(limit);
    case 'InclusiveMaximum':
      return Number(value) <= Number(limit);
    case 'MaxItems':
      return Array.isArray(value) && value.length <= Number(limit);
    case 'Pattern':
      return limit instanceof RegExp && limit.test(String(value));
    default:
      throw new Error(`The validator does not support the constraint ${name}.`);
  }
}

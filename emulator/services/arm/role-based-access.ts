import { asObject, asString, type JsonObject } from '../../core/json.ts';
import type { RoleAssignment, RoleDefinition } from './access-control.ts';
import type { ArmHandler } from './arm-context.ts';
import { ArmError } from './arm-errors.ts';
import { type ArmRequest, parseBody } from './arm-request.ts';
import { getQueryParameter } from './router.ts';

const GUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** What the path names before `/providers/Microsoft.Authorization`. */
function scopeOf({ request }: ArmRequest): string {
  return decodeURIComponent(request.url.pathname).replace(
    /\/providers\/Microsoft\.Authorization\/[^/]+(\/[^/]+)?\/?$/i,
    '',
  );
}

function roleId(call: ArmRequest, name: string): string {
  return `/subscriptions/${call.params.subscription}/providers/Microsoft.Authorization/roleDefinitions/${name}`;
}

function roleBody(call: ArmRequest, role: RoleDefinition): JsonObject {
  const { name, roleName, type, description, actions, notActions, assignableScopes } = role;
  return {
    properties: {
      roleName,
      type,
      description,
      assignableScopes,
      permissions: [{ actions, notActions, dataActions: [], notDataActions: [] }],
    },
    id: roleId(call, name),
    type: 'Microsoft.Authorization/roleDefinitions',
    name,
  };
}

function assignmentBody(call: ArmRequest, assignment: RoleAssignment): JsonObject {
  const { name, scope, roleDefinition, principalId, principalType, createdOn } = assignment;
  return {
    properties: {
      roleDefinitionId: roleId(call, roleDefinition),
      principalId,
      principalType,
      scope,
      condition: null,
      conditionVersion: null,
      createdOn,
      updatedOn: createdOn,
      description: null,
    },
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`,
    type: 'Microsoft.Authorization/roleAssignments',
    name,
  };
}

function roleNotFound(name: string): ArmError {
  return new ArmError(
    404,
    'RoleDefinitionDoesNotExist',
    `The specified role definition with ID '${name.replaceAll('-', '')}' does not exist.`,
  );
}

/** The value that an OData filter compares a property with; undefined if the filter does not name it. */
function filterValue(call: ArmRequest, property: string): string | undefined {
  const filter = getQueryParameter(call.request, '$filter') ?? '';
  return new RegExp(`\\b${property}\\s*(?:eq\\s*|\\(\\s*)'([^']*)'`, 'i').exec(filter)?.[1];
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/** `GET`: the roles that can be assigned on the scope, or the one with the name in `$filter=roleName eq '…'`. */
export const listRoleDefinitions: ArmHandler = (call, { accessControl }) => {
  const wanted = filterValue(call, 'roleName')?.toLowerCase();
  const scope = scopeOf(call).toLowerCase();
  const roles = accessControl.roles.filter(
    ({ roleName, assignableScopes }) =>
      (wanted === undefined || roleName.toLowerCase() === wanted) &&
      assignableScopes.some((assignable) => `${scope}/`.startsWith(assignable.toLowerCase())),
  );
  return { status: 200, body: { value: roles.map((role) => roleBody(call, role)) } };
};

export const getRoleDefinition: ArmHandler = (call, { accessControl }) => {
  const role = accessControl.findRole(call.params.child);
  if (!role) throw roleNotFound(call.params.child);
  return { status: 200, body: roleBody(call, role) };
};

function parseRole(call: ArmRequest): RoleDefinition {
  const properties = asObject(parseBody(call)['properties']);
  const [permissions] = Array.isArray(properties['permissions']) ? properties['permissions'] : [];
  const { actions, notActions } = asObject(permissions);
  const roleName = asString(properties['roleName']) ?? '';
  const assignableScopes = strings(properties['assignableScopes']);
  if (roleName === '' || assignableScopes.length === 0)
    throw new ArmError(
      400,
      'InvalidRoleDefinitionData',
      'The role definition needs a name and assignable scopes.',
    );
  return {
    name: call.params.child.toLowerCase(),
    roleName,
    type: 'CustomRole',
    description: asString(properties['description']) ?? '',
    actions: strings(actions),
    notActions: strings(notActions),
    assignableScopes,
  };
}

/** `PUT` of a custom role: 201. */
export const putRoleDefinition: ArmHandler = (call, { accessControl, store }) => {
  const role = parseRole(call);
  const invalidScope = role.assignableScopes.find((scope) => {
    const [, id] = /^\/subscriptions\/([^/]+)(\/resourceGroups\/[^/]+)?$/i.exec(scope) ?? [];
    return id === undefined || !store.subscriptionIds.includes(id.toLowerCase());
  });
  if (invalidScope !== undefined)
    throw new ArmError(
      400,
      'LinkedInvalidPropertyId',
      `Property id '${invalidScope}' at path 'properties.assignableScopes' is invalid.`,
    );
  const sameName = accessControl.roles.find(
    ({ name, roleName }) => roleName.toLowerCase() === role.roleName.toLowerCase() && name !== role.name,
  );
  if (sameName)
    throw new ArmError(
      409,
      'RoleDefinitionWithSameNameExists',
      `A custom role with the same name already exists in this directory. Use a different name.`,
    );
  accessControl.putRole(role);
  return { status: 201, body: roleBody(call, role) };
};

/** `DELETE` of a custom role: 200 with the deleted role, or 204; 400 while it is assigned. */
export const deleteRoleDefinition: ArmHandler = (call, { accessControl }) => {
  const role = accessControl.findRole(call.params.child);
  if (role?.type !== 'CustomRole') return { status: 204 };
  const assigned = accessControl
    .assignmentsWithin('/')
    .filter(({ roleDefinition }) => roleDefinition === role.name);
  if (assigned.length > 0)
    throw new ArmError(
      400,
      'RoleDefinitionHasAssignments',
      'There are existing role assignments referencing role (code: RoleDefinitionHasAssignments).',
    );
  accessControl.removeRole(role.name);
  return { status: 200, body: roleBody(call, role) };
};

/** `GET`: the assignments on the scope and in it, or those of the principal in `$filter`. */
export const listRoleAssignments: ArmHandler = (call, { accessControl }) => {
  const principal = filterValue(call, 'principalId') ?? filterValue(call, 'assignedTo');
  const value = accessControl
    .assignmentsWithin(scopeOf(call))
    .filter(({ principalId }) => principal === undefined || principalId === principal)
    .map((assignment) => assignmentBody(call, assignment));
  return { status: 200, body: { value } };
};

/** `PUT`: 201 for a new assignment. */
export const putRoleAssignment: ArmHandler = (call, { accessControl, directory, tenantId }) => {
  const properties = asObject(parseBody(call)['properties']);
  const principalId = (asString(properties['principalId']) ?? '').toLowerCase();
  const roleDefinitionId = asString(properties['roleDefinitionId']) ?? '';
  const name = call.params.child.toLowerCase();
  if (!GUID.test(name))
    throw new ArmError(
      400,
      'InvalidRoleAssignmentId',
      `The role assignment ID '${name}' is not valid. The role assignment ID must be a GUID.`,
    );
  const role = accessControl.findRole(roleDefinitionId.split('/').at(-1) ?? '');
  if (!role) throw roleNotFound(roleDefinitionId.split('/').at(-1) ?? '');
  if (!directory.findPrincipal(principalId))
    throw new ArmError(
      400,
      'PrincipalNotFound',
      `Principal ${principalId.replaceAll('-', '')} does not exist in the directory ${tenantId}.`,
    );
  const scope = scopeOf(call);
  const isAssigned = accessControl
    .assignmentsWithin(scope)
    .some(
      (each) => each.scope === scope && each.principalId === principalId && each.roleDefinition === role.name,
    );
  if (isAssigned) throw new ArmError(409, 'RoleAssignmentExists', 'The role assignment already exists.');
  const assignment: RoleAssignment = {
    name,
    scope,
    roleDefinition: role.name,
    principalId,
    principalType: 'ServicePrincipal',
    createdOn: new Date().toISOString(),
  };
  accessControl.addAssignment(assignment);
  return { status: 201, body: assignmentBody(call, assignment) };
};

/** `DELETE`: 200 with the deleted assignment, or 204. */
export const deleteRoleAssignment: ArmHandler = (call, { accessControl }) => {
  const assignment = accessControl.findAssignment(scopeOf(call), call.params.child);
  if (!assignment) return { status: 204 };
  accessControl.removeAssignment(assignment);
  return { status: 200, body: assignmentBody(call, assignment) };
};

import { randomUUID } from 'node:crypto';

/** An action of a resource provider on a scope, such as `Microsoft.Resources/subscriptions/resourceGroups/read`. */
export interface Permission {
  readonly action: string;
  readonly scope: string;
}

export interface RoleDefinition {
  /** The GUID that is the name of the resource. */
  readonly name: string;
  readonly roleName: string;
  readonly type: 'BuiltInRole' | 'CustomRole';
  readonly description: string;
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly assignableScopes: readonly string[];
}

export interface RoleAssignment {
  /** The GUID that is the name of the resource. */
  readonly name: string;
  readonly scope: string;
  /** The name of a role definition. */
  readonly roleDefinition: string;
  readonly principalId: string;
  readonly principalType: string;
  readonly createdOn: string;
}

function builtIn(
  name: string,
  roleName: string,
  actions: string[],
  notActions: string[] = [],
): RoleDefinition {
  return {
    name,
    roleName,
    type: 'BuiltInRole',
    description: '',
    actions,
    notActions,
    assignableScopes: ['/'],
  };
}

const OWNER = builtIn('8e3af657-a8ff-443c-a75c-2fe8c4bcb635', 'Owner', ['*']);

const BUILT_IN_ROLES = [
  OWNER,
  builtIn(
    'b24988ac-6180-42a0-ab88-20f7382dd24c',
    'Contributor',
    ['*'],
    ['Microsoft.Authorization/*/Delete', 'Microsoft.Authorization/*/Write'],
  ),
  builtIn('acdd72a7-3385-48ef-bd42-f606fba81ae7', 'Reader', ['*/read']),
];

/** Whether a pattern with `*` for any text matches an action. Case is ignored. */
function matchesAction(pattern: string, action: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.\\+?^${}()|[\]]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`, 'i').test(action);
}

function isWithin(scope: string, outer: string): boolean {
  const [inner, prefix] = [scope.toLowerCase(), outer.toLowerCase().replace(/\/$/, '')];
  return inner === prefix || inner.startsWith(`${prefix}/`);
}

/** Azure's role-based access control. A new assignment works at once, unlike in Azure. */
export class AccessControl {
  readonly #customRoles = new Map<string, RoleDefinition>();
  #assignments: RoleAssignment[];

  /** @param ownerId the principal that is Owner of these subscriptions from the start */
  constructor(subscriptionIds: readonly string[], ownerId: string) {
    this.#assignments = subscriptionIds.map((id) => ({
      name: randomUUID(),
      scope: `/subscriptions/${id}`,
      roleDefinition: OWNER.name,
      principalId: ownerId,
      principalType: 'ServicePrincipal',
      createdOn: new Date().toISOString(),
    }));
  }

  get roles(): readonly RoleDefinition[] {
    return [...BUILT_IN_ROLES, ...this.#customRoles.values()];
  }

  findRole(name: string): RoleDefinition | undefined {
    return this.roles.find((role) => role.name === name.toLowerCase());
  }

  putRole(role: RoleDefinition): void {
    this.#customRoles.set(role.name, role);
  }

  removeRole(name: string): boolean {
    return this.#customRoles.delete(name.toLowerCase());
  }

  /** The assignments on a scope and in it. */
  assignmentsWithin(scope: string): readonly RoleAssignment[] {
    return this.#assignments.filter((assignment) => isWithin(assignment.scope, scope));
  }

  findAssignment(scope: string, name: string): RoleAssignment | undefined {
    return this.#assignments.find(
      (assignment) =>
        assignment.name === name.toLowerCase() && assignment.scope.toLowerCase() === scope.toLowerCase(),
    );
  }

  addAssignment(assignment: RoleAssignment): void {
    this.#assignments.push(assignment);
  }

  removeAssignment(assignment: RoleAssignment): void {
    this.#assignments = this.#assignments.filter((each) => each !== assignment);
  }

  /** Removes the assignments of a deleted scope. */
  removeWithin(scope: string): void {
    this.#assignments = this.#assignments.filter((assignment) => !isWithin(assignment.scope, scope));
  }

  /** Whether a role of the principal, on the scope or above it, permits the action. */
  isAllowed(principalId: string, { action, scope }: Permission): boolean {
    return this.#assignments.some((assignment) => {
      if (assignment.principalId !== principalId || !isWithin(scope, assignment.scope)) return false;
      const { actions = [], notActions = [] } = this.findRole(assignment.roleDefinition) ?? {};
      const matches = (pattern: string): boolean => matchesAction(pattern, action);
      return actions.some(matches) && !notActions.some(matches);
    });
  }

  hasRoleWithin(principalId: string, scope: string): boolean {
    return this.assignmentsWithin(scope).some((assignment) => assignment.principalId === principalId);
  }
}

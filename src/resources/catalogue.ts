import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { type Planner, planner } from '../plan/engine.ts';
import type { SqlReader } from '../postgres/sql-reader.ts';
import type { SqlWriter } from '../postgres/sql-writer.ts';
import { database, databaseInArm } from './database.ts';
import { extension } from './extension.ts';
import { extensionAllowList } from './extension-allow-list.ts';
import { firewallRule } from './firewall-rule.ts';
import { resourceGroup } from './resource-group.ts';
import { role } from './role.ts';
import { roleAccess } from './role-access.ts';
import { server } from './server.ts';
import { serverParameter } from './server-parameter.ts';
import { type RuleSurveyor, undeclaredRules } from './undeclared-rules.ts';

/** What is kept in the control plane, parents first. */
export const servers: readonly Planner<AzureReader, AzureWriter>[] = [
  planner(resourceGroup),
  planner(server),
];

/** What is kept in a server by the control plane; looked at once the server is there. */
export const serverChildren: readonly Planner<AzureReader, AzureWriter>[] = [
  planner(serverParameter),
  planner(extensionAllowList),
  planner(firewallRule),
];

/** The server alone: where it is absent, that is one finding, and a look asks for nothing else. */
export const serverItself: readonly Planner<AzureReader, never>[] = [planner(server)];

/** What a look without a login can tell of what SQL keeps. */
export const dataPlaneInArm: readonly Planner<AzureReader, never>[] = [planner(databaseInArm)];

/** What nobody declared. */
export const undeclared: readonly Planner<RuleSurveyor, never>[] = [planner(undeclaredRules)];

/** What is kept in the data plane, seen from `postgres`: the role first, since the database is made for it. */
export const dataPlane: readonly Planner<SqlReader, SqlWriter>[] = [
  planner(role),
  planner(database),
  planner(roleAccess),
];

/** Of these what ARM does not know. */
export const rolesOnly: readonly Planner<SqlReader, SqlWriter>[] = [planner(role), planner(roleAccess)];

/** A pull request's database, whose it is included, which ARM does not know. */
export const databaseItself: readonly Planner<SqlReader, SqlWriter>[] = [planner(database)];

/** The same things where they shall be gone: the role cannot go while it owns what is in the database. */
export const dataPlaneInverted: readonly Planner<SqlReader, SqlWriter>[] = [planner(database), planner(role)];

/** The same where the database of that name is somebody else's. */
export const roleInverted: readonly Planner<SqlReader, SqlWriter>[] = [planner(role)];

/** What is kept in the database itself, seen from inside. */
export const insideDatabase: readonly Planner<SqlReader, SqlWriter>[] = [planner(extension)];

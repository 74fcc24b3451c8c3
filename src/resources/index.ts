import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { SqlReader } from '../postgres/sql-reader.ts';
import { type PlanFunction, toPlanFunction } from '../reconcile/plan.ts';
import { armDatabaseHandler, databaseHandler } from './database/database-handler.ts';
import { extensionAllowListHandler } from './extension/allow-list.ts';
import { extensionHandler } from './extension/extension-handler.ts';
import { firewallRuleHandler } from './firewall-rule/firewall-rule-handler.ts';
import {
  type FirewallAuditSource,
  undeclaredFirewallRuleHandler,
} from './firewall-rule/undeclared-firewall-rules.ts';
import { resourceGroupHandler } from './resource-group.ts';
import { roleAccessHandler } from './role/role-access.ts';
import { roleHandler } from './role/role-handler.ts';
import { serverHandler } from './server/server-handler.ts';
import { serverParameterHandler } from './server-parameter.ts';
import type { SqlWriter } from './sql-writer.ts';

/** What is kept in the control plane, parents first. */
export const controlPlaneResources: readonly PlanFunction<AzureReader, AzureWriter>[] = [
  toPlanFunction(resourceGroupHandler),
  toPlanFunction(serverHandler),
];

/** What is kept in a server by the control plane; looked at once the server is there. */
export const serverChildResources: readonly PlanFunction<AzureReader, AzureWriter>[] = [
  toPlanFunction(serverParameterHandler),
  toPlanFunction(extensionAllowListHandler),
  toPlanFunction(firewallRuleHandler),
];

/** The server alone: where it is absent, that is one finding, and a look asks for nothing else. */
export const serverOnlyResources: readonly PlanFunction<AzureReader, never>[] = [
  toPlanFunction(serverHandler),
];

/** What a look without a login can tell of what SQL keeps. */
export const armDatabaseResources: readonly PlanFunction<AzureReader, never>[] = [
  toPlanFunction(armDatabaseHandler),
];

/** What nobody declared. */
export const undeclaredFirewallRules: readonly PlanFunction<FirewallAuditSource, never>[] = [
  toPlanFunction(undeclaredFirewallRuleHandler),
];

/** What is kept in the data plane, seen from `postgres`: the role first, since the database is made for it. */
export const dataPlaneResources: readonly PlanFunction<SqlReader, SqlWriter>[] = [
  toPlanFunction(roleHandler),
  toPlanFunction(databaseHandler),
  toPlanFunction(roleAccessHandler),
];

/** Of these what ARM does not know. */
export const roleResources: readonly PlanFunction<SqlReader, SqlWriter>[] = [
  toPlanFunction(roleHandler),
  toPlanFunction(roleAccessHandler),
];

/** A pull request's database, whose it is included, which ARM does not know. */
export const databaseOnlyResources: readonly PlanFunction<SqlReader, SqlWriter>[] = [
  toPlanFunction(databaseHandler),
];

/** The same things where they shall be gone: the role cannot go while it owns what is in the database. */
export const teardownResources: readonly PlanFunction<SqlReader, SqlWriter>[] = [
  toPlanFunction(databaseHandler),
  toPlanFunction(roleHandler),
];

/** The same where the database of that name is somebody else's. */
export const roleTeardownResources: readonly PlanFunction<SqlReader, SqlWriter>[] = [
  toPlanFunction(roleHandler),
];

/** What is kept in the database itself, seen from inside. */
export const inDatabaseResources: readonly PlanFunction<SqlReader, SqlWriter>[] = [
  toPlanFunction(extensionHandler),
];

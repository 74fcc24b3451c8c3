import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { SqlReader } from '../postgres/sql-reader.ts';
import { type PlanFunction, toPlanFunction } from '../reconcile/reconcile.ts';
import type { PullRequestTeardown } from '../reconcile/teardown.ts';
import { armDatabaseHandler, databaseHandler, databaseTeardownHandler } from './database/database-handler.ts';
import { extensionAllowListHandler } from './extension/allow-list.ts';
import { extensionHandler } from './extension/extension-handler.ts';
import { firewallRuleHandler } from './firewall-rule/firewall-rule-handler.ts';
import {
  type FirewallAuditSource,
  undeclaredFirewallRuleHandler,
} from './firewall-rule/undeclared-firewall-rules.ts';
import { resourceGroupHandler } from './resource-group.ts';
import { roleAccessHandler } from './role/role-access.ts';
import { roleHandler, roleTeardownHandler } from './role/role-handler.ts';
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

/** What `drop` and `sweep` delete; the database first, since a role that owns objects in it cannot be dropped. */
export const teardownResources: readonly PlanFunction<SqlReader, SqlWriter, PullRequestTeardown>[] = [
  toPlanFunction(databaseTeardownHandler),
  toPlanFunction(roleTeardownHandler),
];

/** What is kept in the database itself, seen from inside. */
export const inDatabaseResources: readonly PlanFunction<SqlReader, SqlWriter>[] = [
  toPlanFunction(extensionHandler),
];

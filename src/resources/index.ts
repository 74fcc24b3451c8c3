import type { AzureReader, ChildReads } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import type { CheckConfig, Config, EnsureConfig } from '../inputs/types.ts';
import type { Session } from '../postgres/session.ts';
import { type SqlReader, SqlSnapshot } from '../postgres/sql-reader.ts';
import { type PlanFunction, toPlanFunction } from '../reconcile/reconcile.ts';
import type { PullRequestTeardown } from '../reconcile/teardown.ts';
import { adoptedObjectsHandler, readUnusableObjects } from './database/adopt-objects.ts';
import { armDatabaseHandler, databaseHandler, databaseTeardownHandler } from './database/database-handler.ts';
import { ALLOW_LIST_PARAMETER, extensionAllowListHandler } from './extension/allow-list.ts';
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
import { serverParameterHandler } from './server-parameter/server-parameter-handler.ts';
import type { SqlWriterDeps } from './sql-writer-deps.ts';

/** Resources of the control plane, parents first. */
export const controlPlaneResources: readonly PlanFunction<AzureReader, AzureWriter>[] = [
  toPlanFunction(resourceGroupHandler),
  toPlanFunction(serverHandler),
];

/** Resources of a server in the control plane, which are read when the server exists. */
export const serverChildResources: readonly PlanFunction<AzureReader, AzureWriter>[] = [
  toPlanFunction(serverParameterHandler),
  toPlanFunction(extensionAllowListHandler),
  toPlanFunction(firewallRuleHandler),
];

/** What the plans of {@link serverChildResources} and {@link armDatabaseResources} read, to start all of it at once. */
export const childReads = (config: Config): ChildReads => ({
  parameters: [
    [...config.server.parameters.keys()],
    'extensions' in config && config.extensions.length > 0 ? [ALLOW_LIST_PARAMETER] : [],
  ],
  database: config.mode === 'check' ? config.database?.name : undefined,
});

/**
 * The server without its children: `mode: check` reports an absent server as one finding and reads no other resource.
 */
export const serverOnlyResources: readonly PlanFunction<AzureReader, never>[] = [
  toPlanFunction(serverHandler),
];

/** The database as far as ARM reports it, for a check without a login. */
export const armDatabaseResources: readonly PlanFunction<AzureReader, never>[] = [
  toPlanFunction(armDatabaseHandler),
];

/** Firewall rules that the inputs do not declare. */
export const undeclaredFirewallRules: readonly PlanFunction<FirewallAuditSource, never>[] = [
  toPlanFunction(undeclaredFirewallRuleHandler),
];

/** Resources that are read in database `postgres`; the role first, because the database is created for it. */
export const dataPlaneResources: readonly PlanFunction<SqlReader, SqlWriterDeps>[] = [
  toPlanFunction(roleHandler),
  toPlanFunction(databaseHandler),
  toPlanFunction(roleAccessHandler),
];

/** Starts to read what the plans of {@link dataPlaneResources} read if the database and the role exist. */
export function startDataPlaneReads(
  session: Session,
  { database, appRole }: Pick<EnsureConfig | CheckConfig, 'database' | 'appRole'>,
): SqlSnapshot {
  const snapshot = new SqlSnapshot(session);
  const reads = [
    appRole && snapshot.role(appRole.name),
    database && snapshot.database(database.name),
    database && appRole && snapshot.access(database.name, appRole.name),
  ];
  // The plan reports a failure.
  for (const read of reads) read?.catch(() => {});
  return snapshot;
}

/** Starts to read what a run that changes nothing reads in a session of the application role in its database. */
export function startInDatabaseReads(session: Session, config: EnsureConfig): SqlSnapshot {
  const snapshot = new SqlSnapshot(session);
  const reads = [
    ...config.extensions.map((name) => snapshot.extension(name)),
    readUnusableObjects(snapshot, config),
  ];
  // The later read reports a failure.
  for (const read of reads) read.catch(() => {});
  return snapshot;
}

/** The data plane resources that ARM does not report. */
export const roleResources: readonly PlanFunction<SqlReader, SqlWriterDeps>[] = [
  toPlanFunction(roleHandler),
  toPlanFunction(roleAccessHandler),
];

/** A pull request's database with its ownership, which ARM does not report. */
export const databaseOnlyResources: readonly PlanFunction<SqlReader, SqlWriterDeps>[] = [
  toPlanFunction(databaseHandler),
];

/** What `drop` and `sweep` delete; the database first, because a role that owns objects in it cannot be dropped. */
export const teardownResources: readonly PlanFunction<SqlReader, SqlWriterDeps, PullRequestTeardown>[] = [
  toPlanFunction(databaseTeardownHandler),
  toPlanFunction(roleTeardownHandler),
];

/** Resources that are read in the database itself. */
export const inDatabaseResources: readonly PlanFunction<SqlReader, SqlWriterDeps>[] = [
  toPlanFunction(extensionHandler),
  toPlanFunction(adoptedObjectsHandler),
];

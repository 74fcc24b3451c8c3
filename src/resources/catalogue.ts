import type { AzureReader } from '../azure/reader.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { type Planner, planner } from '../plan/engine.ts';
import type { SqlReader, SqlWriter } from '../postgres/sql.ts';
import { database } from './database.ts';
import { firewallRule } from './firewall-rule.ts';
import { resourceGroup } from './resource-group.ts';
import { server } from './server.ts';
import { serverParameter } from './server-parameter.ts';

/** What is kept in the control plane, parents first. */
export const servers: readonly Planner<AzureReader, AzureWriter>[] = [
  planner(resourceGroup),
  planner(server),
];

/** What is kept in a server by the control plane; looked at once the server is there. */
export const serverChildren: readonly Planner<AzureReader, AzureWriter>[] = [
  planner(serverParameter),
  planner(firewallRule),
];

/** What is kept in the data plane. */
export const dataPlane: readonly Planner<SqlReader, SqlWriter>[] = [planner(database)];

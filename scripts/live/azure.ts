import { selectAuthMethod } from '../../src/azure/auth-method.ts';
import { resolveEndpoints } from '../../src/azure/clouds.ts';
import { connectToAzure, startSignIn } from '../../src/azure/connection.ts';
import { isTemporaryRuleName } from '../../src/common/resource-names.ts';
import { ActionsRuntime } from '../../src/github/actions.ts';

/** Every resource group of a live run begins with this, so that no other group can be deleted. */
export const LIVE_PREFIX = 'gha-live-';

/** Clients that sign in as the action does, from AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_SUBSCRIPTION_ID. */
async function connect() {
  const runtime = new ActionsRuntime();
  const signIn = {
    clientId: process.env['AZURE_CLIENT_ID'],
    tenantId: process.env['AZURE_TENANT_ID'],
    subscriptionId: process.env['AZURE_SUBSCRIPTION_ID'] ?? '',
    clientSecret: process.env['AZURE_CLIENT_SECRET'],
  };
  const method = selectAuthMethod(signIn, runtime.canRequestIdToken);
  const endpoints = resolveEndpoints('AzureCloud', process.env);
  return await connectToAzure(await startSignIn(runtime, method, signIn, endpoints), {
    info: (text) => runtime.info(text),
    debug: (text) => runtime.debug(text),
  });
}

/** The names of the temporary firewall rules that ARM shows. */
export async function listTemporaryRules(group: string, server: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name = '' } of (await connect()).postgresql.firewallRules.listByServer(group, server))
    if (isTemporaryRuleName(name)) names.push(name);
  return names;
}

/** @throws Error for a name that no live run gives to its resource group */
function requireLiveName(group: string): void {
  if (!group.startsWith(LIVE_PREFIX))
    throw new Error(
      `'${group}' is not the resource group of a live run: its name does not begin with ${LIVE_PREFIX}`,
    );
}

/** @throws Error for a resource group that exists, or that {@link deleteLiveGroup} would not delete */
export async function requireNewGroup(group: string): Promise<void> {
  requireLiveName(group);
  if ((await (await (await connect()).resources()).resourceGroups.checkExistence(group)).body)
    throw new Error(
      `The resource group '${group}' exists already. A live run deletes its group, so use a new name.`,
    );
}

/**
 * Deletes the resource group of a live run with everything in it, and waits until it does not exist. Does nothing if it does
 * not exist.
 * @throws Error for a group that no live run has created
 */
export async function deleteLiveGroup(group: string): Promise<void> {
  requireLiveName(group);
  const { resourceGroups } = await (await connect()).resources();
  if (!(await resourceGroups.checkExistence(group)).body) return;
  await resourceGroups.beginDeleteAndWait(group);
}

import type { FoundServer } from '../../azure/reader.ts';
import { hasPrivateAccess, isBeingCreatedOrDeleted, normalizeState } from '../../azure/server-states.ts';
import { GitHubApi } from '../../github/api.ts';
import type { CheckConfig } from '../../inputs/types.ts';
import type { PlanFunction } from '../../reconcile/plan.ts';
import {
  armDatabaseResources,
  serverChildResources,
  serverOnlyResources,
  undeclaredFirewallRules,
} from '../../resources/index.ts';
import { type ControlPlane, type ModeContext, openControlPlane, reconcile } from '../context.ts';
import { createFirewallAudit } from './firewall-audit.ts';
import { reportCheck } from './report-check.ts';
import { runSqlChecks } from './sql-checks.ts';

/** `mode: check`: the same route with no writer, so it ends where something would have to be made. */
export async function check(ctx: ModeContext<CheckConfig>): Promise<void> {
  const { reporter } = ctx;
  const azure = openControlPlane(ctx);
  const checker = new ResourceChecker(ctx);
  await reporter.phase('Look at the server', () => checker.check(serverOnlyResources, azure.reader));
  const found = await azure.reader.getServer();
  if (found.status === 'present') await checkServerContents(ctx, azure, found.value, checker);
  await reportCheck(ctx, checker.errors);
}

/** What ARM refused or failed to tell; each is an unknown finding too, and no drift (law 8). */
class ResourceChecker {
  readonly #ctx: ModeContext<CheckConfig>;
  readonly errors: Error[] = [];

  constructor(ctx: ModeContext<CheckConfig>) {
    this.#ctx = ctx;
  }

  async check<R>(planners: readonly PlanFunction<R, never>[], reader: R): Promise<void> {
    const { reporter, config } = this.#ctx;
    const { readErrors } = await reconcile(reporter, planners, config, { reader });
    this.errors.push(...readErrors);
  }
}

/** What is in a server that is there; of one that is only half there nothing can be said. */
async function checkServerContents(
  ctx: ModeContext<CheckConfig>,
  { reader }: ControlPlane,
  { server }: FoundServer,
  checker: ResourceChecker,
): Promise<void> {
  const { reporter } = ctx;
  reporter.serverId = server.id;
  reporter.host = server.fullyQualifiedDomainName;
  if (isBeingCreatedOrDeleted(normalizeState(server))) return;
  await reporter.phase('Look at what is in it', async () => {
    await checker.check([...serverChildResources, ...armDatabaseResources], reader);
    if (hasPrivateAccess(server)) return;
    const audit = createFirewallAudit(ctx, reader, createGitHubApi(ctx));
    await checker.check(undeclaredFirewallRules, audit);
    await audit.warnAboutOpenFirewall();
  });
  await reporter.phase('Look at what only SQL can tell', () => runSqlChecks(ctx, normalizeState(server)));
}

const createGitHubApi = ({ config, run }: ModeContext<CheckConfig>): GitHubApi =>
  new GitHubApi(config.gitHubToken, config.repository.name, run);

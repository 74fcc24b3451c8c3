import type { FoundServer } from '../azure/reader.ts';
import { isInsideNetwork } from '../azure/ready.ts';
import { isHalfThere, stateOf } from '../azure/server-states.ts';
import type { CheckConfig } from '../config/config.ts';
import { GitHubApi } from '../github/api.ts';
import type { Planner } from '../plan/engine.ts';
import { dataPlaneInArm, serverChildren, serverItself, undeclared } from '../resources/catalogue.ts';
import { concludeCheck } from './check-conclusion.ts';
import { checkDataPlane } from './check-data-plane.ts';
import { type Act, type ControlPlane, openControlPlane, pass } from './control-plane.ts';
import { firewallSurvey } from './firewall-survey.ts';

/** `mode: check`: the same route with no writer, so it ends where something would have to be made. */
export async function check(act: Act<CheckConfig>): Promise<void> {
  const { story } = act;
  const azure = openControlPlane(act);
  const unread = new Unread(act);
  await story.phase('Look at the server', () => unread.look(serverItself, azure.reader));
  const found = await azure.reader.server();
  if (found.status === 'present') await lookInside(act, azure, found.value, unread);
  await concludeCheck(act, unread.errors);
}

/** What ARM refused or failed to tell; each is an unknown finding too, and no drift (law 8). */
class Unread {
  readonly #act: Act<CheckConfig>;
  readonly errors: Error[] = [];

  constructor(act: Act<CheckConfig>) {
    this.#act = act;
  }

  async look<R>(planners: readonly Planner<R, never>[], reader: R): Promise<void> {
    const { story, config } = this.#act;
    const { unknown } = await pass(story, planners, config, { reader });
    this.errors.push(...unknown);
  }
}

/** What is in a server that is there; of one that is only half there nothing can be said. */
async function lookInside(
  act: Act<CheckConfig>,
  { reader }: ControlPlane,
  { server }: FoundServer,
  unread: Unread,
): Promise<void> {
  const { story } = act;
  story.serverId = server.id;
  story.host = server.fullyQualifiedDomainName;
  if (isHalfThere(stateOf(server))) return;
  await story.phase('Look at what is in it', async () => {
    await unread.look([...serverChildren, ...dataPlaneInArm], reader);
    if (isInsideNetwork(server)) return;
    const survey = firewallSurvey(act, reader, gitHubOf(act));
    await unread.look(undeclared, survey);
    await survey.warnOfWideOpen();
  });
  await story.phase('Look at what only SQL can tell', () => checkDataPlane(act, stateOf(server)));
}

const gitHubOf = ({ config, run }: Act<CheckConfig>): GitHubApi =>
  new GitHubApi(config.gitHubToken, config.repository.name, run);

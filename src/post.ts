import { ActionError, getErrorMessage } from './common/errors.ts';
import type { RunContext } from './common/polling.ts';
import type { ActionsRuntime } from './github/actions.ts';
import { ActionState } from './github/state.ts';
import { withRunContext } from './modes/run-context.ts';
import { removeEnvFile } from './publish/env-file.ts';
import { renderShortSummary, shortLastLine, writeSummary } from './reporting/short-summary.ts';

/** Milliseconds for the whole post part. */
const POST_TIMEOUT_MS = 8 * 60_000;

/**
 * The post part: undoes what main recorded in the state, and computes nothing from the inputs again.
 * @throws `rule-not-removed`, `state-invalid`, and why the dotenv file could not be removed, after a summary is written
 */
export async function runPost(runtime: ActionsRuntime): Promise<void> {
  const state = new ActionState(runtime);
  await withRunContext(runtime, POST_TIMEOUT_MS, 'Remove the rule manually.', async (run) => {
    const failures: unknown[] = [];
    const attempt = async (task: () => Promise<void>): Promise<void> => {
      await task().catch((error: unknown) => failures.push(error));
    };
    // The file is removed first, because this needs no network.
    await attempt(async () => removeEnvFile(state.readEnvFile()));
    for (const task of await listAzureTasks(run, runtime, state)) await attempt(task);
    const [first, ...others] = failures;
    for (const other of others) run.warning(getErrorMessage(other));
    if (first !== undefined) throw first;
  }).catch((error: unknown) => {
    const code = error instanceof ActionError ? error.code : undefined;
    runtime.setLastLine(shortLastLine('post failed', code));
    writeSummary(runtime, renderShortSummary('post failed', getErrorMessage(error), code));
    throw error;
  });
}

/** Loads the clients of Azure and PostgreSQL only if main has left something there, which few runs do. */
async function listAzureTasks(
  run: RunContext,
  runtime: ActionsRuntime,
  state: ActionState,
): Promise<readonly (() => Promise<void>)[]> {
  if (state.has('rule') || state.has('migration'))
    return (await import('./post-cleanup.ts')).listCleanUpTasks(run, runtime, state);
  const reportNoRule = async (): Promise<void> => {
    // Invalid contents are an error even if no rule was created.
    state.readSignIn();
    run.info('No temporary firewall rule to remove');
  };
  return [reportNoRule];
}

import type { SignIn } from '../azure/connection.ts';
import { getErrorMessage, preferAbortReason, toActionError } from '../common/errors.ts';
import type { RunContext } from '../common/polling.ts';
import type { ActionsRuntime } from '../github/actions.ts';
import { GitHubApi } from '../github/api.ts';
import type { ActionState } from '../github/state.ts';
import type { Config } from '../inputs/types.ts';
import { Reporter } from '../reporting/reporter.ts';
import { withRunContext } from './run-context.ts';

/**
 * Runs the mode of the configuration, and reports its result, even if it has failed.
 * @throws what the mode throws, after outputs and summary are written
 */
export async function runMode(
  runtime: ActionsRuntime,
  config: Config,
  state: ActionState,
  signIn: SignIn,
): Promise<void> {
  const reporter = new Reporter(runtime, config);
  const error = await withRunContext(runtime, config.timeoutMs, TIMEOUT_HINT, (run) =>
    dispatchMode(runtime, run, config, state, signIn, reporter).catch((error: unknown) => {
      const preferred = preferAbortReason(run.signal, error);
      if (preferred !== error) run.debug(`After the run was aborted: ${getErrorMessage(error)}`);
      throw preferred;
    }),
  ).then(() => undefined, toActionError);
  reporter.finish(error);
  if (error !== undefined) throw error;
}

async function dispatchMode(
  runtime: ActionsRuntime,
  run: RunContext,
  config: Config,
  state: ActionState,
  signIn: SignIn,
  reporter: Reporter,
): Promise<void> {
  const gitHub = new GitHubApi(config.gitHubToken, runtime.event.repository.name, run);
  const context = { runtime, run, state, signIn, gitHub, reporter };
  switch (config.mode) {
    case 'ensure': {
      const { ensure } = await import('./ensure.ts');
      return await ensure({ ...context, config });
    }
    case 'check': {
      const { check } = await import('./check/check.ts');
      return await check({ ...context, config });
    }
    case 'drop': {
      const { drop } = await import('./drop.ts');
      return await drop({ ...context, config });
    }
    case 'sweep': {
      const { sweep } = await import('./sweep/sweep.ts');
      return await sweep({ ...context, config });
    }
  }
}

const TIMEOUT_HINT =
  'Increase timeout-minutes if the work was still in progress, and run the workflow again: it continues with what already exists.';

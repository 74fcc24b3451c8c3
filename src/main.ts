import { getErrorMessage, preferAbortReason, toActionError } from './common/errors.ts';
import type { RunContext } from './common/polling.ts';
import type { ActionsRuntime } from './github/actions.ts';
import { GitHubApi } from './github/api.ts';
import { ActionState } from './github/state.ts';
import type { Config } from './inputs/types.ts';
import { check } from './modes/check/check.ts';
import { drop } from './modes/drop.ts';
import { ensure } from './modes/ensure.ts';
import { readConfig, untrustedSource } from './modes/read-config.ts';
import { withRunContext } from './modes/run-context.ts';
import { sweep } from './modes/sweep/sweep.ts';
import { setInitialOutputs } from './publish/outputs.ts';
import { checkEnvFile } from './publish/publish.ts';
import { Reporter, writeSummary } from './reporting/reporter.ts';
import { renderShortSummary, shortLastLine } from './reporting/summary.ts';

/**
 * The main step of the action: reads the inputs, runs the mode, and reports the result. Every end has outputs and, unless
 * the process is killed, a summary.
 * @throws what {@link readConfig} or the mode throws, after outputs and summary are written
 */
export async function runMain(runtime: ActionsRuntime): Promise<void> {
  const state = new ActionState(runtime);
  state.reset();
  setInitialOutputs(runtime);
  const config = await readRunConfig(runtime);
  if (config === undefined) return;
  const reporter = new Reporter(runtime, config);
  const error = await withRunContext(runtime, config.timeoutMs, TIMEOUT_HINT, (run) =>
    runMode(runtime, run, config, state, reporter).catch((error: unknown) => {
      const preferred = preferAbortReason(run.signal, error);
      if (preferred !== error) run.debug(`After the run was aborted: ${getErrorMessage(error)}`);
      throw preferred;
    }),
  ).then(() => undefined, toActionError);
  await reporter.finish(error);
  if (error !== undefined) throw error;
}

/** @returns undefined for a run that is skipped, after its summary is written */
async function readRunConfig(runtime: ActionsRuntime): Promise<Config | undefined> {
  try {
    const config = readConfig(runtime);
    if (config?.mode === 'ensure') checkEnvFile(config.publish);
    if (config !== undefined) return config;
  } catch (thrown) {
    const error = toActionError(thrown);
    runtime.setLastLine(shortLastLine('failed at start', error.code));
    await writeSummary(runtime, renderShortSummary('failed at start', getErrorMessage(error), error.code));
    throw error;
  }
  const notice = `Skipped: GitHub gives ${untrustedSource(runtime.event)} no credentials (skip-without-credentials). This run has no database.`;
  runtime.notice(notice);
  runtime.setLastLine(shortLastLine('skipped'));
  await writeSummary(runtime, renderShortSummary('skipped', notice));
  return undefined;
}

function runMode(
  runtime: ActionsRuntime,
  run: RunContext,
  config: Config,
  state: ActionState,
  reporter: Reporter,
): Promise<void> {
  const gitHub = new GitHubApi(config.gitHubToken, runtime.event.repository.name, run);
  const context = { runtime, run, state, gitHub, reporter };
  switch (config.mode) {
    case 'ensure':
      return ensure({ ...context, config });
    case 'check':
      return check({ ...context, config });
    case 'drop':
      return drop({ ...context, config });
    case 'sweep':
      return sweep({ ...context, config });
  }
}

const TIMEOUT_HINT =
  'Increase timeout-minutes if the work was still in progress, and run the workflow again: it continues with what already exists.';

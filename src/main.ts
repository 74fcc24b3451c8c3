import type { RunContext } from './common/polling.ts';
import type { ActionsRuntime } from './github/actions.ts';
import { ActionState } from './github/state.ts';
import { check } from './modes/check/check.ts';
import { drop } from './modes/drop.ts';
import { ensure } from './modes/ensure.ts';
import { readConfig, untrustedSource } from './modes/read-config.ts';
import { withRunContext } from './modes/run-context.ts';
import { sweep } from './modes/sweep/sweep.ts';
import { checkEnvFile } from './publish/publish.ts';
import { Reporter } from './reporting/reporter.ts';

/** The main half of the action: inputs → config, then the route of the mode, told from its beginning to its end. */
export async function runMain(runtime: ActionsRuntime): Promise<void> {
  new ActionState(runtime).reset();
  const config = readConfig(runtime);
  if (config === undefined) {
    runtime.notice(
      `Skipped, since GitHub gives ${untrustedSource(runtime.event)} no credentials (skip-without-credentials). There is no database for this run.`,
    );
    return;
  }
  if (config.mode === 'ensure') checkEnvFile(config.publish);
  const reporter = new Reporter(runtime, config);
  const runMode = (run: RunContext): Promise<void> => {
    const context = { runtime, run, reporter };
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
  };
  await reporter.runAndReport(() => withRunContext(runtime, config.timeoutMs, TIMEOUT_HINT, runMode));
}

const TIMEOUT_HINT =
  'Raise timeout-minutes if the work was still going on, and run the workflow again: what is there is found.';

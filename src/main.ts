import { selectAuthMethod } from './azure/auth-method.ts';
import { resolveEndpoints } from './azure/clouds.ts';
import { startSignIn } from './azure/connection.ts';
import { getErrorMessage, toActionError } from './common/errors.ts';
import type { ActionsRuntime } from './github/actions.ts';
import { ActionState } from './github/state.ts';
import type { Config } from './inputs/types.ts';
import { readConfig, untrustedSource } from './modes/read-config.ts';
import { checkEnvFile } from './publish/env-file.ts';
import { setInitialOutputs } from './publish/outputs.ts';
import { renderShortSummary, shortLastLine, writeSummary } from './reporting/short-summary.ts';

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
  const authMethod = selectAuthMethod(config.signIn, runtime.canRequestIdToken);
  const endpoints = resolveEndpoints(config.cloud, process.env);
  const signIn = await startSignIn(runtime, authMethod, config.signIn, endpoints);
  const { runMode } = await import('./modes/run-mode.ts');
  await runMode(runtime, config, state, signIn);
}

/** @returns undefined for a run that is skipped, after its summary is written */
async function readRunConfig(runtime: ActionsRuntime): Promise<Config | undefined> {
  try {
    const config = await readConfig(runtime);
    if (config?.mode === 'ensure') checkEnvFile(config.publish);
    if (config !== undefined) return config;
  } catch (thrown) {
    const error = toActionError(thrown);
    runtime.setLastLine(shortLastLine('failed at start', error.code));
    writeSummary(runtime, renderShortSummary('failed at start', getErrorMessage(error), error.code));
    throw error;
  }
  const notice = `Skipped: GitHub gives ${untrustedSource(runtime.event)} no credentials (skip-without-credentials). This run has no database.`;
  runtime.notice(notice);
  runtime.setLastLine(shortLastLine('skipped'));
  writeSummary(runtime, renderShortSummary('skipped', notice));
  return undefined;
}

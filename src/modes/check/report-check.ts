import { ActionError, actionError, getErrorMessage } from '../../common/errors.ts';
import type { CheckConfig } from '../../inputs/types.ts';
import type { ReportedFinding } from '../../reconcile/findings.ts';
import { findConfigLine } from '../../reporting/finding-source.ts';
import { formatFinding } from '../../reporting/log-lines.ts';
import { isServerStateFinding } from '../../resources/server/server-handler.ts';
import type { ModeContext } from '../context.ts';
import { syncDriftIssue, writeDriftReport } from '../report-drift.ts';

/**
 * Tells the end of a check: annotations, files, the issue, and whether the step fails: where ARM did not let it read
 * what is declared, and where something differs, unless that is only to be warned of.
 * @param readErrors why ARM did not tell
 */
export async function reportCheck(
  ctx: ModeContext<CheckConfig>,
  readErrors: readonly Error[],
): Promise<void> {
  annotateFindings(ctx);
  const reportError = await writeDriftReport(ctx).then(
    () => undefined,
    (error: Error) => error,
  );
  await syncDriftIssue(ctx);
  const failure = checkError(ctx, readErrors);
  // What was found weighs more than that it was not written.
  if (failure !== undefined && reportError !== undefined) ctx.runtime.error(reportError.message);
  const finalError = failure ?? reportError;
  if (finalError !== undefined) throw finalError;
}

function checkError(ctx: ModeContext<CheckConfig>, readErrors: readonly Error[]): Error | undefined {
  const { config, reporter } = ctx;
  const [first] = readErrors;
  if (first !== undefined) return incompleteCheckError(ctx, first, readErrors);
  return reporter.drift.length > 0 && config.onDrift === 'fail'
    ? actionError('drifted', { findings: reporter.drift.map(formatFinding) })
    : undefined;
}

/** GitHub shows ten annotations of a kind for a step; the last one is the step's own error. */
const MAX_ANNOTATIONS = 9;

function annotateFindings({ runtime, config, reporter }: ModeContext<CheckConfig>): void {
  const addAnnotation = config.onDrift === 'fail' ? runtime.error : runtime.warning;
  const shown = reporter.drift.slice(0, Math.max(0, MAX_ANNOTATIONS - reporter.internetOpenRules.length));
  for (const finding of shown)
    addAnnotation.call(runtime, annotationText(finding), annotationProperties(config, finding));
  const rest = reporter.drift.length - shown.length;
  for (const { property, actual, remedy } of reporter.remainingFindings.filter(isServerStateFinding))
    runtime.notice(
      `Server '${config.server.name}' is in ${property} ${actual}, so not all could be looked at. ${remedy}`,
    );
  if (rest > 0) runtime.info(`${rest} more differences are in the job's summary and in the output drift.`);
}

const annotationText = (finding: ReportedFinding): string => `${formatFinding(finding)}; ${finding.remedy}.`;

function annotationProperties({ configSource, server }: CheckConfig, finding: ReportedFinding) {
  const title = `Drift on ${server.name}`;
  const line = configSource && findConfigLine(finding, configSource);
  return configSource === undefined || line === undefined
    ? { title }
    : { title, file: configSource.path, startLine: line };
}

/** One refusal with nothing else to tell is its own error; several are told together, with what is known besides. */
function incompleteCheckError(
  { reporter }: ModeContext<CheckConfig>,
  first: Error,
  readErrors: readonly Error[],
): Error {
  const reasons = [
    ...new Set(
      readErrors.map((error) => (error instanceof ActionError ? error.summary : getErrorMessage(error))),
    ),
  ];
  if (!(first instanceof ActionError)) return first;
  if (reasons.length === 1 && reporter.drift.length === 0) return first;
  const azure = first.azure === undefined ? {} : { azure: first.azure };
  const findings = reporter.drift.map(formatFinding);
  return actionError('check-incomplete', { reasons, hint: first.hint, findings }, { cause: first, ...azure });
}

import { ActionError, actionError, getErrorMessage } from '../../common/errors.ts';
import type { CheckConfig } from '../../inputs/types.ts';
import { isDrift, type ReportedFinding } from '../../reconcile/findings.ts';
import { findConfigLine } from '../../reporting/finding-source.ts';
import { formatFinding } from '../../reporting/finding-texts.ts';
import { isServerStateFinding } from '../../resources/server/server-handler.ts';
import type { ModeContext } from '../context.ts';
import { type DriftResult, syncDriftIssue, writeDriftReport } from '../report-drift.ts';

export interface CheckResult extends DriftResult {
  /** Why Azure did not return a declared resource. */
  readonly readErrors: readonly Error[];
}

/**
 * Writes annotations, report files and the issue of a check.
 * @throws if Azure did not return a declared resource, or if there is drift and `on-drift` is `fail`; `report-not-written`
 */
export async function reportCheck(ctx: ModeContext<CheckConfig>, result: CheckResult): Promise<void> {
  annotateFindings(ctx, result);
  const reportError = await writeDriftReport(ctx, result).then(
    () => undefined,
    (error: Error) => error,
  );
  await syncDriftIssue(ctx, result);
  const failure = checkError(ctx.config, result);
  // Only one error can be thrown, and the result of the check is more important than a missing file.
  if (failure !== undefined && reportError !== undefined) ctx.runtime.error(reportError.message);
  const finalError = failure ?? reportError;
  if (finalError !== undefined) throw finalError;
}

function checkError({ onDrift }: CheckConfig, { findings, readErrors }: CheckResult): Error | undefined {
  const drift = findings.filter(isDrift).length;
  const [first] = readErrors;
  if (first !== undefined) return incompleteCheckError(first, readErrors, drift);
  return drift > 0 && onDrift === 'fail' ? actionError('drifted', { findings: drift }) : undefined;
}

/** A single cause without drift is reported unchanged; several causes, or drift, are reported together. */
function incompleteCheckError(first: Error, readErrors: readonly Error[], drift: number): Error {
  const reasons = [
    ...new Set(
      readErrors.map((error) => (error instanceof ActionError ? error.summary : getErrorMessage(error))),
    ),
  ];
  if (!(first instanceof ActionError)) return first;
  if (reasons.length === 1 && drift === 0) return first;
  const azure = first.azure === undefined ? {} : { azure: first.azure };
  return actionError(
    'check-incomplete',
    { reasons, hint: first.hint, findings: drift },
    { cause: first, ...azure },
  );
}

/** GitHub shows ten annotations of a kind for a step; the last one is the step's own error. */
const MAX_ANNOTATIONS = 9;

function annotateFindings(
  { runtime, config }: ModeContext<CheckConfig>,
  { findings, internetOpenRules }: CheckResult,
): void {
  const addAnnotation = config.onDrift === 'fail' ? runtime.error : runtime.warning;
  const drift = findings.filter(isDrift);
  const annotated = drift.slice(0, Math.max(0, MAX_ANNOTATIONS - internetOpenRules.length));
  for (const finding of annotated)
    addAnnotation.call(runtime, annotationText(finding), annotationProperties(config, finding));
  for (const { property, actual, remedy } of findings.filter(isServerStateFinding))
    runtime.notice(
      `Server '${config.server.name}' is in ${property} ${actual}, so not everything could be checked. ${remedy}`,
    );
  for (const finding of drift.slice(annotated.length)) runtime.info(annotationText(finding));
}

const annotationText = (finding: ReportedFinding): string =>
  `${formatFinding(finding)}. What to do: ${finding.remedy}.`;

function annotationProperties({ configSource, server }: CheckConfig, finding: ReportedFinding) {
  const title = `Drift on ${server.name}`;
  const line = configSource && findConfigLine(finding, configSource);
  return configSource === undefined || line === undefined
    ? { title }
    : { title, file: configSource.path, startLine: line };
}

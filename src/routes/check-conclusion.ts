import type { CheckConfig } from '../config/config.ts';
import { ActionError, fail, messageOf } from '../errors.ts';
import { lineOf } from '../plan/input-of.ts';
import { findingLine } from '../plan/render.ts';
import type { Standing } from '../plan/types.ts';
import { isOfState } from '../resources/server.ts';
import type { Act } from './control-plane.ts';
import { keepDriftIssue, writeDriftReport } from './drift.ts';

/**
 * Tells the end of a check: annotations, files, the issue, and whether the step fails: where ARM did not let it read
 * what is declared, and where something differs, unless that is only to be warned of.
 * @param unread why ARM did not tell
 */
export async function concludeCheck(act: Act<CheckConfig>, unread: readonly Error[]): Promise<void> {
  annotate(act);
  const notWritten = await writeDriftReport(act).then(
    () => undefined,
    (error: Error) => error,
  );
  await keepDriftIssue(act);
  const failure = failureOf(act, unread);
  // What was found weighs more than that it was not written.
  if (failure !== undefined && notWritten !== undefined) act.workflow.error(notWritten.message);
  const end = failure ?? notWritten;
  if (end !== undefined) throw end;
}

function failureOf(act: Act<CheckConfig>, unread: readonly Error[]): Error | undefined {
  const { config, story } = act;
  const [first] = unread;
  if (first !== undefined) return incomplete(act, first, unread);
  return story.drift.length > 0 && config.onDrift === 'fail'
    ? fail('drifted', { findings: story.drift.map(findingLine) })
    : undefined;
}

/** GitHub shows ten annotations of a kind for a step; the last one is the step's own error. */
const shownAnnotations = 9;

function annotate({ workflow, config, story }: Act<CheckConfig>): void {
  const say = config.onDrift === 'fail' ? workflow.error : workflow.warning;
  const shown = story.drift.slice(0, Math.max(0, shownAnnotations - story.wideOpen.length));
  for (const finding of shown) say.call(workflow, annotation(finding), placeOf(config, finding));
  const rest = story.drift.length - shown.length;
  for (const { property, actual, remedy } of story.staying.filter(isOfState))
    workflow.notice(
      `Server '${config.server.name}' is in ${property} ${actual}, so not all could be looked at. ${remedy}`,
    );
  if (rest > 0) workflow.info(`${rest} more differences are in the job's summary and in the output drift.`);
}

const annotation = (finding: Standing): string => `${findingLine(finding)}; ${finding.remedy}.`;

function placeOf({ declaredIn, server }: CheckConfig, finding: Standing) {
  const title = `Drift on ${server.name}`;
  const line = declaredIn && lineOf(finding, declaredIn);
  return declaredIn === undefined || line === undefined
    ? { title }
    : { title, file: declaredIn.path, startLine: line };
}

/** One refusal with nothing else to tell is its own error; several are told together, with what is known besides. */
function incomplete({ story }: Act<CheckConfig>, first: Error, unread: readonly Error[]): Error {
  const reasons = [
    ...new Set(unread.map((error) => (error instanceof ActionError ? error.happened : messageOf(error)))),
  ];
  if (!(first instanceof ActionError)) return first;
  if (reasons.length === 1 && story.drift.length === 0) return first;
  const azure = first.azure === undefined ? {} : { azure: first.azure };
  const findings = story.drift.map(findingLine);
  return fail('check-incomplete', { reasons, advice: first.todo, findings }, { cause: first, ...azure });
}

import type { InputReader } from '../input-reader.ts';
import type { WorkflowEvent } from '../workflow-event.ts';

/** Files to write of what differs, as the step means them. */
export function parseDriftReportPaths(inputs: InputReader): readonly string[] {
  const paths = inputs.list('drift-report');
  for (const path of paths)
    inputs.validate('drift-report', path, (given) =>
      /[^/\\]\.(json|sarif)$/i.test(given)
        ? undefined
        : `has '${given}', but a report's name ends in .json or .sarif, which says how it is written`,
    );
  const normalized = paths.map((path) => path.replace(/^(\.\/)+/, ''));
  const duplicate = normalized.find((path, i) => normalized.indexOf(path) !== i);
  if (duplicate !== undefined)
    inputs.addError(`drift-report names '${duplicate}' twice: one file holds one report`);
  return paths;
}

/** Whether one issue is kept up to date, for which the repository has to be known. */
export function parseDriftIssue(inputs: InputReader, { repository }: WorkflowEvent): boolean {
  const isEnabled = inputs.boolean('drift-issue') ?? false;
  if (isEnabled && repository.name === '')
    inputs.addError(
      'drift-issue needs to know the repository, but GITHUB_REPOSITORY is not set: run it in a workflow',
    );
  return isEnabled;
}

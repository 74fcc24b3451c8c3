import type { WorkflowEvent } from './event.ts';
import type { Inputs } from './inputs.ts';

/** Files to write of what differs, as the step means them. */
export function parseDriftReport(inputs: Inputs): readonly string[] {
  const paths = inputs.list('drift-report');
  for (const path of paths)
    inputs.check('drift-report', path, (given) =>
      /[^/\\]\.(json|sarif)$/i.test(given)
        ? undefined
        : `has '${given}', but a report's name ends in .json or .sarif, which says how it is written`,
    );
  const plain = paths.map((path) => path.replace(/^(\.\/)+/, ''));
  const twice = plain.find((path, i) => plain.indexOf(path) !== i);
  if (twice !== undefined) inputs.fault(`drift-report names '${twice}' twice: one file holds one report`);
  return paths;
}

/** Whether one issue is kept up to date, for which the repository has to be known. */
export function parseDriftIssue(inputs: Inputs, { repository }: WorkflowEvent): boolean {
  const wanted = inputs.boolean('drift-issue') ?? false;
  if (wanted && repository.name === '')
    inputs.fault(
      'drift-issue needs to know the repository, but GITHUB_REPOSITORY is not set: run it in a workflow',
    );
  return wanted;
}

import { pullRequestName } from '../../common/resource-names.ts';
import type { InputReader } from '../input-reader.ts';
import type { DatabaseConfig, PullRequestConfig } from '../types.ts';
import { isForPullRequestSteps, type StepContext } from './parse-pull-request.ts';

/**
 * The inputs about the database.
 * @param base the input `database`
 */
export function parseDatabase(
  inputs: InputReader,
  base: string,
  pullRequest: PullRequestConfig | undefined,
  step: StepContext,
): DatabaseConfig {
  const name = pullRequest === undefined ? base : pullRequestName(base, pullRequest.number);
  const [given, reset, expiresInMs] = [inputs.get('template'), inputs.get('reset'), inputs.get('expires-in')];
  // The databases of pull requests are usually clones of the base, in whose steps the file's template means nothing.
  const isItself = given !== undefined && given === name;
  const isIgnored = isItself && pullRequest === undefined && isForPullRequestSteps(inputs, 'template', step);
  if (isItself && !isIgnored)
    inputs.addError(
      `template is '${given}', which is the database itself: set the database to clone, or remove the input`,
    );
  const template = isIgnored ? undefined : given;
  const [charset, collation] = [inputs.get('charset'), inputs.get('collation')];
  return {
    name,
    base,
    // A drop compares nothing, and only ensure creates a database or extends its life.
    ...(step.mode === 'drop'
      ? { charset: undefined, collation: undefined, template: undefined }
      : { charset, collation, template }),
    marker: pullRequest && {
      kind: 'pull-request',
      repositoryId: pullRequest.repository.id,
      pullRequest: pullRequest.number,
      base,
    },
    reset: step.mode === 'ensure' && pullRequest !== undefined && (reset ?? false),
    expiresInMs: step.mode === 'ensure' && pullRequest !== undefined ? expiresInMs : undefined,
  };
}

/** The extensions of the database, in lower case, because ARM spells some in capitals. */
export function parseExtensions(inputs: InputReader): readonly string[] {
  const names = [...new Set(inputs.get('extensions').map((name) => name.toLowerCase()))];
  // Azure ignores the case of parameters' names.
  const [, allowList] =
    [...inputs.get('server-parameters')].find(([name]) => name.toLowerCase() === 'azure.extensions') ?? [];
  const allowed = allowList && new Set(allowList.split(',').map((entry) => entry.trim().toLowerCase()));
  const missing = allowed && names.filter((name) => !allowed.has(name));
  if (missing && missing.length > 0)
    inputs.addError(
      `server-parameters: azure.extensions lacks ${missing.join(', ')}, which extensions needs`,
    );
  return names;
}

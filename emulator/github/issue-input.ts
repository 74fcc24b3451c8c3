import { isObject, type JsonObject, stringOr } from '../json.ts';
import { gitHubErrors } from './errors.ts';
import { distinct } from './labels.ts';
import { type StateReason, stateReasons } from './repository.ts';

/**
 * The most characters that an issue's title has, as GitHub's refusal says. It has been seen to take up to 1024; what
 * it says of itself is the stricter.
 */
export const longestTitle = 256;

/** The most characters that an issue's body has, as GitHub's refusal says. */
export const longestBody = 65_536;

/** What a request says of an issue; undefined is what it does not speak of. */
export interface IssueInput {
  readonly title: string | undefined;
  readonly body: string | null | undefined;
  readonly labels: readonly string[] | undefined;
}

/** What a request says of an issue's state. */
export interface StateInput {
  readonly state: 'open' | 'closed' | undefined;
  readonly stateReason: StateReason | undefined;
}

// That a character outside the basic plane counts once is inferred.
function isLonger(text: string, most: number): boolean {
  return [...text].length > most;
}

/** What GitHub has against this title and body, as the entries of `errors` in its refusal. */
export function faultsOf({ title, body }: Pick<IssueInput, 'title' | 'body'>): JsonObject[] {
  const tooLong = (field: string, most: number) => ({
    resource: 'Issue',
    code: 'custom',
    field,
    message: `${field} is too long (maximum is ${most} characters)`,
  });
  const blank = title !== undefined && title.trim() === '';
  return [
    ...(blank ? [{ resource: 'Issue', code: 'missing_field', field: 'title' }] : []),
    ...(isLonger(title ?? '', longestTitle) ? [tooLong('title', longestTitle)] : []),
    ...(isLonger(body ?? '', longestBody) ? [tooLong('body', longestBody)] : []),
  ];
}

function titleOf(value: unknown): string | undefined {
  // GitHub's description of its API has a number here as well, and in a change null, which is taken to say nothing.
  if (value === undefined) return undefined;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw gitHubErrors.mistyped('properties/title', value, 'an integer or string');
}

function labelsOf(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw gitHubErrors.mistyped('properties/labels', value, 'an array');
  const names = value.map((entry: unknown) => {
    const name = stringOr(entry) ?? (isObject(entry) ? stringOr(entry['name']) : undefined);
    if (name === undefined) throw gitHubErrors.mistyped('items', entry, 'a string or object');
    return name;
  });
  return distinct(names);
}

/**
 * Title, body and labels of a request's body.
 * @throws {GitHubError} 422 for what GitHub refuses; the wordings for a title and a body of another type are inferred.
 */
export function issueInput(given: JsonObject): IssueInput {
  const { body } = given;
  if (body !== undefined && body !== null && typeof body !== 'string') {
    throw gitHubErrors.noString('body', body);
  }
  const input = { title: titleOf(given['title']), body, labels: labelsOf(given['labels']) };
  const faults = faultsOf(input);
  if (faults.length > 0) throw gitHubErrors.invalid(faults);
  return input;
}

/**
 * State and reason of a request's body.
 * @throws {GitHubError} 422 for values that are none; its wording for an issue is inferred from other endpoints.
 */
export function stateInput({ state, state_reason: reason }: JsonObject): StateInput {
  const states = ['open', 'closed'] as const;
  const wanted = states.find((each) => each === state);
  if (state !== undefined && wanted === undefined) throw gitHubErrors.noMember(state, states);
  const because = stateReasons.find((each) => each === reason);
  if (reason !== undefined && reason !== null && because === undefined) {
    throw gitHubErrors.noMember(reason, [...stateReasons, null]);
  }
  return { state: wanted, stateReason: because };
}

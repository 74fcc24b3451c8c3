import { asString, isJsonObject, type JsonObject } from '../../core/json.ts';
import { gitHubErrors } from './errors.ts';
import { uniqueLabels } from './labels.ts';
import { STATE_REASONS, type StateReason } from './repository.ts';

/**
 * The most characters that an issue's title has, as GitHub's refusal says. It has been seen to take up to 1024; what
 * it says of itself is the stricter.
 */
export const MAX_TITLE_LENGTH = 256;

/** The most characters that an issue's body has, as GitHub's refusal says. */
export const MAX_BODY_LENGTH = 65_536;

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
function isLongerThan(text: string, maximum: number): boolean {
  return [...text].length > maximum;
}

/** What GitHub has against this title and body, as the entries of `errors` in its refusal. */
export function validateIssue({ title, body }: Pick<IssueInput, 'title' | 'body'>): JsonObject[] {
  const tooLong = (field: string, most: number) => ({
    resource: 'Issue',
    code: 'custom',
    field,
    message: `${field} is too long (maximum is ${most} characters)`,
  });
  const blank = title !== undefined && title.trim() === '';
  return [
    ...(blank ? [{ resource: 'Issue', code: 'missing_field', field: 'title' }] : []),
    ...(isLongerThan(title ?? '', MAX_TITLE_LENGTH) ? [tooLong('title', MAX_TITLE_LENGTH)] : []),
    ...(isLongerThan(body ?? '', MAX_BODY_LENGTH) ? [tooLong('body', MAX_BODY_LENGTH)] : []),
  ];
}

function parseTitle(value: unknown): string | undefined {
  // GitHub's description of its API has a number here as well, and in a change null, which is taken to say nothing.
  if (value === undefined) return undefined;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw gitHubErrors.mistyped('properties/title', value, 'an integer or string');
}

function parseLabels(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw gitHubErrors.mistyped('properties/labels', value, 'an array');
  const names = value.map((entry: unknown) => {
    const name = asString(entry) ?? (isJsonObject(entry) ? asString(entry['name']) : undefined);
    if (name === undefined) throw gitHubErrors.mistyped('items', entry, 'a string or object');
    return name;
  });
  return uniqueLabels(names);
}

/**
 * Title, body and labels of a request's body.
 * @throws {GitHubError} 422 for what GitHub refuses; the wordings for a title and a body of another type are inferred.
 */
export function parseIssueInput(given: JsonObject): IssueInput {
  const { body } = given;
  if (body !== undefined && body !== null && typeof body !== 'string') {
    throw gitHubErrors.notString('body', body);
  }
  const input = { title: parseTitle(given['title']), body, labels: parseLabels(given['labels']) };
  const errors = validateIssue(input);
  if (errors.length > 0) throw gitHubErrors.validationFailed(errors);
  return input;
}

/**
 * State and reason of a request's body.
 * @throws {GitHubError} 422 for values that are none; its wording for an issue is inferred from other endpoints.
 */
export function parseStateInput({ state, state_reason: reason }: JsonObject): StateInput {
  const states = ['open', 'closed'] as const;
  const knownState = states.find((each) => each === state);
  if (state !== undefined && knownState === undefined) throw gitHubErrors.notMember(state, states);
  const knownReason = STATE_REASONS.find((each) => each === reason);
  if (reason !== undefined && reason !== null && knownReason === undefined) {
    throw gitHubErrors.notMember(reason, [...STATE_REASONS, null]);
  }
  return { state: knownState, stateReason: knownReason };
}

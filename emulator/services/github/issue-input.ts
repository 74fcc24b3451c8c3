import { asString, isJsonObject, type JsonObject } from '../../core/json.ts';
import { gitHubErrors } from './github-errors.ts';
import { STATE_REASONS, type StateReason } from './repository.ts';

/** Maximum length of a title in characters, from GitHub's error message, although GitHub has accepted up to 1024. */
export const MAX_TITLE_LENGTH = 256;

/** Maximum length of a body in characters, from GitHub's error message. */
export const MAX_BODY_LENGTH = 65_536;

/** The fields of an issue in a request. Missing fields are undefined. */
export interface IssueInput {
  readonly title: string | undefined;
  readonly body: string | null | undefined;
  readonly labels: readonly string[] | undefined;
}

/** The state of an issue in a request. */
export interface StateInput {
  readonly state: 'open' | 'closed' | undefined;
  readonly stateReason: StateReason | undefined;
}

// Inferred: a character outside the basic plane counts once.
function isLongerThan(text: string, maximum: number): boolean {
  return [...text].length > maximum;
}

/** The entries of `errors` in GitHub's answer to an invalid title or body. Empty if both are valid. */
export function validateIssue({ title, body }: Pick<IssueInput, 'title' | 'body'>): JsonObject[] {
  const tooLong = (field: string, maximum: number) => ({
    resource: 'Issue',
    code: 'custom',
    field,
    message: `${field} is too long (maximum is ${maximum} characters)`,
  });
  const blank = title !== undefined && title.trim() === '';
  return [
    ...(blank ? [{ resource: 'Issue', code: 'missing_field', field: 'title' }] : []),
    ...(isLongerThan(title ?? '', MAX_TITLE_LENGTH) ? [tooLong('title', MAX_TITLE_LENGTH)] : []),
    ...(isLongerThan(body ?? '', MAX_BODY_LENGTH) ? [tooLong('body', MAX_BODY_LENGTH)] : []),
  ];
}

function parseTitle(value: unknown): string | undefined {
  // GitHub's API description also permits a number, and null in an update, which updateIssue removes.
  if (value === undefined) return undefined;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw gitHubErrors.mistyped('properties/title', value, 'an integer or string');
}

/** Remove repeated labels. GitHub compares labels without regard to case. */
export function uniqueLabels(names: readonly string[]): string[] {
  const byKey = new Map<string, string>();
  for (const name of names) {
    const key = name.toLowerCase();
    if (!byKey.has(key)) byKey.set(key, name);
  }
  return [...byKey.values()];
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
 * Title, body and labels of a request.
 * @throws {GitHubError} 422 for an invalid value. The messages for a wrong type of title or body are inferred.
 */
export function parseIssueInput(input: JsonObject): IssueInput {
  const { body } = input;
  if (body !== undefined && body !== null && typeof body !== 'string') {
    throw gitHubErrors.notString('body', body);
  }
  const parsed = { title: parseTitle(input['title']), body, labels: parseLabels(input['labels']) };
  const errors = validateIssue(parsed);
  if (errors.length > 0) throw gitHubErrors.validationFailed(errors);
  return parsed;
}

/**
 * State and reason of a request.
 * @throws {GitHubError} 422 for an invalid value. The message is inferred from other endpoints.
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

import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import { gitHubErrors } from './github-errors.ts';
import type { Repository } from './repository.ts';

function parsePositiveInteger(text: string | null, fallback: number, maximum: number): number {
  const value = text !== null && /^\d+$/.test(text) ? Number(text) : 0;
  return value < 1 ? fallback : Math.min(value, maximum);
}

/**
 * One page of a list ("Using pagination in the REST API"): `per_page` from 1 to 100, default 30, and a `Link` header if the
 * list has more than one page. As at GitHub, the URLs in it contain the id of the repository instead of its name.
 * @param toBody creates the body of an entry.
 */
export function pagedResponse<T>(
  request: HttpRequest,
  repository: Repository,
  entries: readonly T[],
  toBody: (entry: T) => unknown,
): HttpResponse {
  const query = request.url.searchParams;
  const pageSize = parsePositiveInteger(query.get('per_page'), 30, 100);
  const pageNumber = parsePositiveInteger(query.get('page'), 1, Number.MAX_SAFE_INTEGER);
  const lastPage = Math.max(Math.ceil(entries.length / pageSize), 1);
  const path = request.url.pathname.replace(/^\/repos\/[^/]+\/[^/]+/, `/repositories/${repository.id}`);
  const link = (number: number, rel: string) => {
    const url = new URL(request.url);
    url.pathname = path;
    url.searchParams.set('page', String(number));
    return `<${url}>; rel="${rel}"`;
  };
  const links = [
    ...(pageNumber > 1 ? [link(Math.min(pageNumber - 1, lastPage), 'prev')] : []),
    ...(pageNumber < lastPage ? [link(pageNumber + 1, 'next'), link(lastPage, 'last')] : []),
    ...(pageNumber > 1 ? [link(1, 'first')] : []),
  ];
  return {
    status: 200,
    headers: links.length === 0 ? {} : { Link: links.join(', ') },
    body: entries.slice((pageNumber - 1) * pageSize, pageNumber * pageSize).map(toBody),
  };
}

/** How GitHub reports an invalid query parameter of a list. */
export interface ChoiceError {
  /** The `resource` in the error. */
  readonly resource: 'Issue' | 'PullRequest';
  /** The page that `documentation_url` links to, instead of the page of the endpoint. */
  readonly documentation?: string;
}

/**
 * The value of a query parameter, which must be one of `values`; undefined if it is missing.
 * @throws {GitHubError} 422 for any other value.
 */
export function parseChoice(
  query: URLSearchParams,
  field: string,
  values: readonly string[],
  { resource, documentation }: ChoiceError,
): string | undefined {
  const value = query.get(field) ?? undefined;
  if (value === undefined || values.includes(value)) return value;
  throw gitHubErrors.validationFailed([{ value, resource, field, code: 'invalid' }], documentation);
}

/** Sort entries by a key, and entries with the same key by their number. */
export function sortByKey<T extends { readonly number: number }>(
  entries: readonly T[],
  direction: string,
  toKey: (entry: T) => string | number,
): T[] {
  const sign = direction === 'asc' ? 1 : -1;
  return entries
    .map((entry) => ({ entry, key: toKey(entry) }))
    .sort((a, b) => {
      const order = a.key < b.key ? -1 : a.key > b.key ? 1 : a.entry.number - b.entry.number;
      return sign * order;
    })
    .map(({ entry }) => entry);
}

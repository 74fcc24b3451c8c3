import type { HttpRequest, HttpResponse } from '../../core/http-types.ts';
import type { Repository } from './repository.ts';

function parsePositiveInteger(text: string | null, fallback: number, maximum: number): number {
  const value = text !== null && /^\d+$/.test(text) ? Number(text) : 0;
  return value < 1 ? fallback : Math.min(value, maximum);
}

/**
 * One page of a list as GitHub answers it ("Using pagination in the REST API"): `per_page` from 1 to 100 (30 unless
 * said otherwise, and for what is no number), and a `Link` header where there is more than one page. Its URLs name the
 * repository by its id, as GitHub's do.
 * @param toBody makes the body of one entry.
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

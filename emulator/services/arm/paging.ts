import type { HttpResponse } from '../../core/http-types.ts';
import type { ArmRequest } from './arm-request.ts';

/**
 * One page of a list. `nextLink` with a `$skiptoken` leads to the next page, and is missing on the last one.
 * @param render creates the body of an entry; called only for the entries of this page
 */
export function pagedResponse<Entry>(
  call: ArmRequest,
  entries: readonly Entry[],
  pageSize: number,
  render: (entry: Entry) => unknown,
): HttpResponse {
  const { url } = call.request;
  const offset = Number(url.searchParams.get('$skiptoken') ?? 0) || 0;
  const value = entries.slice(offset, offset + pageSize).map(render);
  if (offset + pageSize >= entries.length) return { status: 200, body: { value } };
  const query = [...url.searchParams].filter(([name]) => name.toLowerCase() !== '$skiptoken');
  const remainingQuery = query.map(([name, text]) => `${name}=${encodeURIComponent(text)}`).join('&');
  const nextLink = `${url.origin}${url.pathname}?${remainingQuery}&$skiptoken=${offset + pageSize}`;
  return { status: 200, body: { value, nextLink } };
}

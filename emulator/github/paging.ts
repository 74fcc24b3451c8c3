import type { Reply, Request } from '../http/exchange.ts';
import type { Repository } from './repository.ts';

function whole(text: string | null, fallback: number, most: number): number {
  const value = text !== null && /^\d+$/.test(text) ? Number(text) : 0;
  return value < 1 ? fallback : Math.min(value, most);
}

/**
 * One page of a list as GitHub answers it ("Using pagination in the REST API"): `per_page` from 1 to 100 (30 unless
 * said otherwise, and for what is no number), and a `Link` header where there is more than one page. Its URLs name the
 * repository by its id, as GitHub's do.
 * @param describe makes the body of one entry.
 */
export function page<T>(
  request: Request,
  repository: Repository,
  entries: readonly T[],
  describe: (entry: T) => unknown,
): Reply {
  const query = request.url.searchParams;
  const size = whole(query.get('per_page'), 30, 100);
  const at = whole(query.get('page'), 1, Number.MAX_SAFE_INTEGER);
  const last = Math.max(Math.ceil(entries.length / size), 1);
  const path = request.url.pathname.replace(/^\/repos\/[^/]+\/[^/]+/, `/repositories/${repository.id}`);
  const link = (number: number, rel: string) => {
    const url = new URL(request.url);
    url.pathname = path;
    url.searchParams.set('page', String(number));
    return `<${url}>; rel="${rel}"`;
  };
  const links = [
    ...(at > 1 ? [link(Math.min(at - 1, last), 'prev')] : []),
    ...(at < last ? [link(at + 1, 'next'), link(last, 'last')] : []),
    ...(at > 1 ? [link(1, 'first')] : []),
  ];
  return {
    status: 200,
    headers: links.length === 0 ? {} : { Link: links.join(', ') },
    body: entries.slice((at - 1) * size, at * size).map(describe),
  };
}

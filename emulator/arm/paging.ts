import type { Reply } from '../http/exchange.ts';
import type { ArmCall } from './call.ts';

/**
 * One page of a list. `nextLink` appears while there is more, with `$skiptoken` as the specification's example has it.
 * @param render makes an entry's body; called for the entries of this page alone
 */
export function page<Entry>(
  call: ArmCall,
  entries: readonly Entry[],
  size: number,
  render: (entry: Entry) => unknown,
): Reply {
  const { url } = call.request;
  const offset = Number(url.searchParams.get('$skiptoken') ?? 0) || 0;
  const value = entries.slice(offset, offset + size).map(render);
  if (offset + size >= entries.length) return { status: 200, body: { value } };
  const query = [...url.searchParams].filter(([name]) => name.toLowerCase() !== '$skiptoken');
  const kept = query.map(([name, text]) => `${name}=${encodeURIComponent(text)}`).join('&');
  const nextLink = `${url.origin}${url.pathname}?${kept}&$skiptoken=${offset + size}`;
  return { status: 200, body: { value, nextLink } };
}

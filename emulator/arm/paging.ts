import type { Reply } from '../http/exchange.ts';
import type { ArmCall } from './call.ts';

/** One page of a list. `nextLink` appears while there is more, with `$skiptoken` as the specification's example has it. */
export function page(call: ArmCall, entries: readonly unknown[], size: number): Reply {
  const { url } = call.request;
  const offset = Number(url.searchParams.get('$skiptoken') ?? 0) || 0;
  const value = entries.slice(offset, offset + size);
  if (offset + size >= entries.length) return { status: 200, body: { value } };
  const query = [...url.searchParams].filter(([name]) => name.toLowerCase() !== '$skiptoken');
  const kept = query.map(([name, text]) => `${name}=${encodeURIComponent(text)}`).join('&');
  const nextLink = `${url.origin}${url.pathname}?${kept}&$skiptoken=${offset + size}`;
  return { status: 200, body: { value, nextLink } };
}

import ipaddr from 'ipaddr.js';

/** An inclusive range of IPv4 addresses, in dotted decimals. */
export interface AddressRange {
  readonly start: string;
  readonly end: string;
}

/** Azure's convention for "any Azure service" (facts.md §4); it admits no address by itself. */
export const azureServices: AddressRange = { start: '0.0.0.0', end: '0.0.0.0' };

export const isIPv4 = (text: string): boolean => ipaddr.IPv4.isValidFourPartDecimal(text);

/** The address as an unsigned 32-bit number, for comparing. */
export function toNumber(address: string): number {
  return ipaddr.IPv4.parse(address).octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** Whether a stored rule admits an address: 0.0.0.0–0.0.0.0 means Azure services and covers none. */
export function covers(range: AddressRange, address: string): boolean {
  if (sameRange(range, azureServices)) return false;
  const n = toNumber(address);
  return toNumber(range.start) <= n && n <= toNumber(range.end);
}

export const sameRange = (a: AddressRange, b: AddressRange): boolean =>
  a.start === b.start && a.end === b.end;

/** Whether a range lets the internet in: half of all addresses, or more. */
export const isWideOpen = ({ start, end }: AddressRange): boolean =>
  isIPv4(start) && isIPv4(end) && toNumber(end) - toNumber(start) >= 2 ** 31 - 1;

/**
 * One range as people write it: an address, `a-b`, or CIDR.
 * @returns the range, or a sentence saying what is wrong with it
 */
export function parseRange(text: string): AddressRange | string {
  const range = readRange(text);
  return typeof range !== 'string' && sameRange(range, azureServices)
    ? `'${text}' would mean any Azure service: use allow-azure-services`
    : range;
}

function readRange(text: string): AddressRange | string {
  const dash = text.split('-').map((part) => part.trim());
  if (dash.length === 2) {
    const [start = '', end = ''] = dash;
    if (!isIPv4(start) || !isIPv4(end)) return `'${text}' is not a range of two IPv4 addresses`;
    return toNumber(start) <= toNumber(end) ? { start, end } : `'${text}' ends before it starts`;
  }
  if (text.includes('/')) return parseCidr(text);
  return isIPv4(text) ? { start: text, end: text } : `'${text}' is not an IPv4 address, a range a-b, or CIDR`;
}

function parseCidr(text: string): AddressRange | string {
  const [address = '', bits = '', more] = text.split('/');
  if (!isIPv4(address) || !/^(\d|[12]\d|3[0-2])$/.test(bits) || more !== undefined)
    return `'${text}' is not an IPv4 network in CIDR form`;
  const start = ipaddr.IPv4.networkAddressFromCIDR(text).toString();
  const end = ipaddr.IPv4.broadcastAddressFromCIDR(text).toString();
  return { start, end };
}

/** Why an address cannot be a runner's public one (design.md, the egress address); undefined if it can. */
export function notPublic(address: string): string | undefined {
  if (!isIPv4(address)) return `'${address}' is not an IPv4 address; Azure's firewall rules know IPv4 only`;
  const kind = ipaddr.IPv4.parse(address).range();
  // TEST-NETs are `reserved` and stay allowed: Azure takes them, and documentation and emulators use them.
  if (kind === 'unicast' || kind === 'reserved') return undefined;
  return `${address} is not a public address (${kind}), so no connection can come from it`;
}

import ipaddr from 'ipaddr.js';

/** An inclusive range of IPv4 addresses, in dotted decimals. */
export interface AddressRange {
  readonly start: string;
  readonly end: string;
}

/** The range that permits any Azure service but no other address; see docs/azure-behavior.md#firewall-rules. */
export const AZURE_SERVICES_RANGE: AddressRange = { start: '0.0.0.0', end: '0.0.0.0' };

export const isIPv4 = (text: string): boolean => ipaddr.IPv4.isValidFourPartDecimal(text);

/** The address as an unsigned 32-bit number, for comparisons. */
export function addressToNumber(address: string): number {
  return ipaddr.IPv4.parse(address).octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** Whether a firewall rule with this range permits an address. The range of Azure services permits none. */
export function rangeContains(range: AddressRange, address: string): boolean {
  if (isSameRange(range, AZURE_SERVICES_RANGE)) return false;
  const n = addressToNumber(address);
  return addressToNumber(range.start) <= n && n <= addressToNumber(range.end);
}

export const isSameRange = (a: AddressRange, b: AddressRange): boolean =>
  a.start === b.start && a.end === b.end;

/** Whether a range permits half of all addresses, or more. */
export const isWideOpenRange = ({ start, end }: AddressRange): boolean =>
  isIPv4(start) && isIPv4(end) && addressToNumber(end) - addressToNumber(start) >= 2 ** 31 - 1;

/**
 * Parses an address, `a-b`, or CIDR.
 * @returns the range, or an error message
 */
export function parseAddressRange(text: string): AddressRange | string {
  const range = parseRangeSyntax(text);
  return typeof range !== 'string' && isSameRange(range, AZURE_SERVICES_RANGE)
    ? `'${text}' would mean any Azure service: use allow-azure-services`
    : range;
}

function parseRangeSyntax(text: string): AddressRange | string {
  const endpoints = text.split('-').map((part) => part.trim());
  if (endpoints.length === 2) {
    const [start = '', end = ''] = endpoints;
    if (!isIPv4(start) || !isIPv4(end)) return `'${text}' is not a range of two IPv4 addresses`;
    return addressToNumber(start) <= addressToNumber(end)
      ? { start, end }
      : `'${text}' ends before it starts`;
  }
  if (text.includes('/')) return parseCidr(text);
  return isIPv4(text) ? { start: text, end: text } : `'${text}' is not an IPv4 address, a range a-b, or CIDR`;
}

function parseCidr(text: string): AddressRange | string {
  const [address = '', bits = '', extra] = text.split('/');
  if (!isIPv4(address) || !/^(\d|[12]\d|3[0-2])$/.test(bits) || extra !== undefined)
    return `'${text}' is not an IPv4 network in CIDR form`;
  const start = ipaddr.IPv4.networkAddressFromCIDR(text).toString();
  const end = ipaddr.IPv4.broadcastAddressFromCIDR(text).toString();
  return { start, end };
}

/** Returns why an address cannot be the public address of a runner; undefined if it can. */
export function validatePublicAddress(address: string): string | undefined {
  if (!isIPv4(address))
    return `'${address}' is not an IPv4 address; Azure's firewall rules support only IPv4`;
  const kind = ipaddr.IPv4.parse(address).range();
  // The TEST-NETs are `reserved`. Azure accepts them, and documentation and tests use them.
  if (kind === 'unicast' || kind === 'reserved') return undefined;
  return `${address} is not a public address (${kind}), so no connection can come from it`;
}

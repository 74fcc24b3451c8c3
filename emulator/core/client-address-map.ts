/** A documentation address (TEST-NET-2), which is public but not routed. */
export const DEFAULT_PUBLIC_ADDRESS = '198.51.100.7';

/**
 * Maps the source address of a loopback connection to a public address. All sources share one public address, except those
 * with a separate entry, such as `127.0.0.2` of a second runner (see bind-source-address.mjs).
 */
export class ClientAddressMap {
  #defaultAddress = DEFAULT_PUBLIC_ADDRESS;
  readonly #bySource = new Map<string, string>();
  #echoAnswers: readonly string[] = [];

  /** The public IPv4 address of a client with this source address. */
  getPublicAddress(loopbackSource: string): string {
    return this.#bySource.get(stripIpv4MappedPrefix(loopbackSource)) ?? this.#defaultAddress;
  }

  /** The answer of the echo service with this index: the one that was set, or the public address of the caller. */
  getEchoAnswer(serviceIndex: number, loopbackSource: string): string {
    return this.#echoAnswers[serviceIndex] ?? this.getPublicAddress(loopbackSource);
  }

  /** Set the public address of one source, or of all sources without a separate entry. */
  setPublicAddress(publicAddress: string, source: string | undefined): void {
    if (source === undefined) this.#defaultAddress = publicAddress;
    else this.#bySource.set(stripIpv4MappedPrefix(source), publicAddress);
  }

  /** Set the answers of the echo services, one entry for each. An empty list removes them. */
  setEchoAnswers(answers: readonly string[]): void {
    this.#echoAnswers = answers;
  }
}

function stripIpv4MappedPrefix(address: string): string {
  return address.replace(/^::ffff:/, '');
}

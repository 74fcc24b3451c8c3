import type { PublicAddressLookup } from '../postgres/types.ts';

/** A documentation address (TEST-NET-2): public in form, and routed nowhere. */
export const DEFAULT_PUBLIC_ADDRESS = '198.51.100.7';

/**
 * Who a connection from loopback is taken for. All connections share one public address until a source
 * address (`127.0.0.2`, see bind-source-address.mjs) is given one of its own: that is a second runner.
 */
export class ClientAddressMap implements PublicAddressLookup {
  #defaultAddress = DEFAULT_PUBLIC_ADDRESS;
  readonly #bySource = new Map<string, string>();
  #echoAnswers: readonly string[] = [];

  getPublicAddress(loopbackSource: string): string {
    return this.#bySource.get(stripIpv4MappedPrefix(loopbackSource)) ?? this.#defaultAddress;
  }

  /** What echo service number `index` answers: an imposed address, else the caller's own. */
  getEchoAnswer(serviceIndex: number, loopbackSource: string): string {
    return this.#echoAnswers[serviceIndex] ?? this.getPublicAddress(loopbackSource);
  }

  /** Name the public address of one loopback source, or of every source that has none of its own. */
  setPublicAddress(publicAddress: string, source: string | undefined): void {
    if (source === undefined) this.#defaultAddress = publicAddress;
    else this.#bySource.set(stripIpv4MappedPrefix(source), publicAddress);
  }

  /** Impose what the echo services answer, one entry each; an empty list ends it. */
  setEchoAnswers(answers: readonly string[]): void {
    this.#echoAnswers = answers;
  }
}

function stripIpv4MappedPrefix(address: string): string {
  return address.replace(/^::ffff:/, '');
}

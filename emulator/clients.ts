import type { ClientAddresses } from './postgres/types.ts';

/** A documentation address (TEST-NET-2): public in form, and routed nowhere. */
export const defaultPublicAddress = '198.51.100.7';

/**
 * Who a connection from loopback is taken for. All connections share one public address until a source
 * address (`127.0.0.2`, see from-address.mjs) is given one of its own: that is a second runner.
 */
export class Clients implements ClientAddresses {
  #default = defaultPublicAddress;
  readonly #bySource = new Map<string, string>();
  #echoes: readonly string[] = [];

  publicAddressOf(loopbackSource: string): string {
    return this.#bySource.get(normalise(loopbackSource)) ?? this.#default;
  }

  /** What echo service number `index` answers: an imposed address, else the caller's own. */
  echoOf(index: number, loopbackSource: string): string {
    return this.#echoes[index] ?? this.publicAddressOf(loopbackSource);
  }

  /** Name the public address of one loopback source, or of every source that has none of its own. */
  set(publicAddress: string, from: string | undefined): void {
    if (from === undefined) this.#default = publicAddress;
    else this.#bySource.set(normalise(from), publicAddress);
  }

  /** Impose what the echo services answer, one entry each; an empty list ends it. */
  imposeEchoes(answers: readonly string[]): void {
    this.#echoes = answers;
  }
}

function normalise(address: string): string {
  return address.replace(/^::ffff:/, '');
}

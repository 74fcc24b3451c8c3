import { BlockList, isIPv4 } from 'node:net';
import type { AddressRange } from './types.ts';

/** The stored rules as they stood from one moment on, in milliseconds of `performance.now()`. */
interface Snapshot {
  readonly from: number;
  readonly admitted: BlockList;
}

/**
 * Which public addresses a server admits now. Azure accepts a rule some time before it works (facts.md §5), and
 * likewise stops it later than it is deleted, so each set of rules comes into force a fixed delay after it was stored.
 */
export class Firewall {
  readonly #delay: number;
  #snapshots: Snapshot[] = [];

  /** @param delay in milliseconds. */
  constructor(delay: number) {
    this.#delay = delay;
  }

  /**
   * The rules from now on. The range 0.0.0.0–0.0.0.0, Azure's word for its own services, is no exception here: it
   * admits that address, which no client has.
   *
   * @throws Error when a range is none of IPv4 addresses, or ends before it starts.
   */
  set(rules: ReadonlyMap<string, AddressRange>): void {
    // A BlockList is Node's matcher of address ranges; here what is on it is let in.
    const admitted = new BlockList();
    for (const { startIpAddress, endIpAddress } of rules.values())
      admitted.addRange(startIpAddress, endIpAddress);
    const now = performance.now();
    const inForce = this.#inForce(now);
    this.#snapshots = this.#snapshots.filter((snapshot) => snapshot === inForce || snapshot.from > now);
    this.#snapshots.push({ from: now + this.#delay, admitted });
  }

  /** Whether a rule in force covers this IPv4 address. */
  admits(address: string): boolean {
    return isIPv4(address) && (this.#inForce(performance.now())?.admitted.check(address) ?? false);
  }

  #inForce(now: number): Snapshot | undefined {
    return this.#snapshots.findLast((snapshot) => snapshot.from <= now);
  }
}

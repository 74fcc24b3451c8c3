import { BlockList, isIPv4 } from 'node:net';
import type { AddressRange } from '../types.ts';

/** The stored rules as they stood from one moment on, in milliseconds of `performance.now()`. */
interface FirewallSnapshot {
  readonly effectiveFrom: number;
  readonly allowed: BlockList;
}

/**
 * Which public addresses a server admits now. Azure accepts a rule some time before it works (facts.md §5), and
 * likewise stops it later than it is deleted, so each set of rules comes into force a fixed delay after it was stored.
 */
export class Firewall {
  readonly #delayMs: number;
  #snapshots: FirewallSnapshot[] = [];

  /** @param delayMs in milliseconds. */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /**
   * The rules from now on. The range 0.0.0.0–0.0.0.0, Azure's word for its own services, is no exception here: it
   * admits that address, which no client has.
   *
   * @throws Error when a range is none of IPv4 addresses, or ends before it starts.
   */
  setRules(rules: ReadonlyMap<string, AddressRange>): void {
    // A BlockList is Node's matcher of address ranges; here what is on it is let in.
    const allowed = new BlockList();
    for (const { startIpAddress, endIpAddress } of rules.values())
      allowed.addRange(startIpAddress, endIpAddress);
    const now = performance.now();
    const current = this.#currentSnapshot(now);
    this.#snapshots = this.#snapshots.filter(
      (snapshot) => snapshot === current || snapshot.effectiveFrom > now,
    );
    this.#snapshots.push({ effectiveFrom: now + this.#delayMs, allowed });
  }

  /** Whether a rule in force covers this IPv4 address. */
  allows(address: string): boolean {
    return isIPv4(address) && (this.#currentSnapshot(performance.now())?.allowed.check(address) ?? false);
  }

  #currentSnapshot(now: number): FirewallSnapshot | undefined {
    return this.#snapshots.findLast((snapshot) => snapshot.effectiveFrom <= now);
  }
}

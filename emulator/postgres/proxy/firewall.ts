import { BlockList, isIPv4 } from 'node:net';
import type { AddressRange, ServerFirewall } from '../types.ts';

/** The rules from a point in time on, in milliseconds of `performance.now()`. */
interface FirewallSnapshot {
  readonly effectiveFrom: number;
  readonly allowed: BlockList;
}

/**
 * The public addresses that a server permits. In Azure a rule works some time after it was accepted, and stops working some
 * time after its deletion. So each set of rules takes effect after a fixed delay.
 */
export class Firewall implements ServerFirewall {
  readonly #delayMs: number;
  #snapshots: FirewallSnapshot[] = [];

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /**
   * The range 0.0.0.0–0.0.0.0, which permits Azure's services, permits only the address 0.0.0.0 here, which no client has.
   *
   * @throws Error if a range does not consist of IPv4 addresses, or ends before it starts.
   */
  setRules(rules: ReadonlyMap<string, AddressRange>): void {
    // Node's BlockList matches address ranges. Here it contains the permitted ones.
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

  /** Whether an effective rule contains this IPv4 address. */
  allows(address: string): boolean {
    return isIPv4(address) && (this.#currentSnapshot(performance.now())?.allowed.check(address) ?? false);
  }

  #currentSnapshot(now: number): FirewallSnapshot | undefined {
    return this.#snapshots.findLast((snapshot) => snapshot.effectiveFrom <= now);
  }
}

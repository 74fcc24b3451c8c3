import { randomBytes } from 'node:crypto';
import type { AzureReader } from './azure/reader.ts';
import type { AzureWriter } from './azure/writer.ts';
import { keptRuleName, type RunIdentity, temporaryRuleName } from './config/names.ts';
import { ActionError } from './errors.ts';
import type { Journal } from './github/journal.ts';
import type { Change } from './plan/types.ts';

/**
 * The firewall rule for this runner's address. A temporary one is saved in the state before it is asked for, so that post
 * can remove it whenever main ends; one that stays (`keep-firewall-rule`) has another name and counts as a change.
 */
export class RunnerRule {
  readonly #writer: AzureWriter;
  readonly #reader: AzureReader;
  readonly #journal: Journal;
  readonly #onKept: ((change: Change) => void) | undefined;
  readonly #temporaryName: string;
  /** Names of rules that Azure accepted. */
  readonly #accepted = new Set<string>();
  /** Requests for the temporary rule so far. */
  #requests = 0;

  /** @param onKept called for each rule that stays; undefined where the rule goes with the job */
  constructor(
    { writer, reader }: { readonly writer: AzureWriter; readonly reader: AzureReader },
    journal: Journal,
    identity: RunIdentity,
    onKept: ((change: Change) => void) | undefined,
  ) {
    this.#writer = writer;
    this.#reader = reader;
    this.#journal = journal;
    this.#onKept = onKept;
    this.#temporaryName = temporaryRuleName(identity, randomBytes(5).toString('hex'));
  }

  /**
   * Makes the rule, or changes the temporary one to another address, and returns what `needed` brings.
   * @param address public IPv4 address of this runner
   */
  open<T>(address: string, needed: (ended: boolean) => Promise<T | undefined>): Promise<T> {
    return this.#onKept === undefined
      ? this.#openTemporary(address, needed)
      : this.#openKept(address, needed, this.#onKept);
  }

  async #openKept<T>(
    address: string,
    needed: (ended: boolean) => Promise<T | undefined>,
    onKept: (change: Change) => void,
  ): Promise<T> {
    const name = keptRuleName(address);
    const accepted = (): void => void this.#accepted.add(name);
    const report = (): void =>
      onKept({ resource: 'firewall rule', name, action: 'create', details: address });
    try {
      const range = { start: address, end: address };
      const result = await this.#writer.openFirewall(name, range, needed, { accepted });
      report();
      return result;
    } catch (error) {
      if (this.#accepted.has(name) && (await this.#reader.firewallRule(name)).status === 'present') report();
      throw error;
    }
  }

  async #openTemporary<T>(address: string, needed: (ended: boolean) => Promise<T | undefined>): Promise<T> {
    const { resourceGroup, name: server } = this.#reader.location;
    const rule = this.#temporaryName;
    const entry = { resourceGroup, server, rule, address };
    try {
      return await this.#writer.openFirewall(rule, { start: address, end: address }, needed, {
        asking: () => {
          this.#requests += 1;
          this.#journal.writeRule(entry);
        },
        accepted: (operationUrl) => {
          this.#accepted.add(rule);
          // How a change of the rule ends says nothing about the request that made it.
          const isFirst = this.#requests === 1 && operationUrl !== undefined;
          this.#journal.writeRule(isFirst ? { ...entry, operationUrl } : entry);
        },
      });
    } catch (error) {
      // What Azure refuses of a change leaves the rule that it accepted before.
      if (error instanceof ActionError && error.azure?.refused && !this.#accepted.has(rule))
        this.#journal.writeRule({ ...entry, refused: true });
      throw error;
    }
  }
}

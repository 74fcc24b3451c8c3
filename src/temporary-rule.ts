import { randomBytes } from 'node:crypto';
import type { AzureReader } from './azure/reader.ts';
import type { AzureWriter } from './azure/writer.ts';
import { keptRuleName, type RunIdentity, temporaryRuleName } from './config/names.ts';
import { ActionError } from './errors.ts';
import type { Journal } from './github/journal.ts';
import type { Change } from './plan/types.ts';

/**
 * This run's own way through the firewall. A temporary one is journalled before it is asked for, so that post can
 * remove it after any moment; one that shall stay (`keep-firewall-rule`) bears another name and counts as a change.
 */
export class RunnerRule {
  readonly #writer: AzureWriter;
  readonly #reader: AzureReader;
  readonly #journal: Journal;
  readonly #keep: boolean;
  readonly #temporaryName: string;
  /** The kept rule, as a change. */
  change: Change | undefined;

  /** @param keep whether the rule shall stay after the job */
  constructor(
    { writer, reader }: { readonly writer: AzureWriter; readonly reader: AzureReader },
    journal: Journal,
    { identity, keep }: { readonly identity: RunIdentity; readonly keep: boolean },
  ) {
    this.#writer = writer;
    this.#reader = reader;
    this.#journal = journal;
    this.#keep = keep;
    this.#temporaryName = temporaryRuleName(identity, randomBytes(5).toString('hex'));
  }

  /**
   * Makes the rule and returns what `needed` brings.
   * @param address public IPv4 address of this runner
   */
  async open<T>(address: string, needed: (ended: boolean) => Promise<T | undefined>): Promise<T> {
    const range = { start: address, end: address };
    if (this.#keep) {
      const name = keptRuleName(address);
      const result = await this.#writer.openFirewall(name, range, needed);
      this.change = { resource: 'firewall rule', name, action: 'create', details: address };
      return result;
    }
    const { resourceGroup, name: server } = this.#reader.location;
    const entry = { resourceGroup, server, rule: this.#temporaryName, address };
    try {
      return await this.#writer.openFirewall(this.#temporaryName, range, needed, {
        // Anew before each request: the URL of one that failed must not speak for the next.
        asking: () => this.#journal.writeRule(entry),
        accepted: (operationUrl) => this.#journal.writeRule({ ...entry, operationUrl }),
      });
    } catch (error) {
      if (error instanceof ActionError && error.azure?.refused)
        this.#journal.writeRule({ ...entry, refused: true });
      throw error;
    }
  }
}

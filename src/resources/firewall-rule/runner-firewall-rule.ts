import { randomBytes } from 'node:crypto';
import type { AzureReader } from '../../azure/reader.ts';
import type { AzureWriter } from '../../azure/writer.ts';
import { ActionError } from '../../common/errors.ts';
import { persistentRuleName, type RunIdentity, temporaryRuleName } from '../../common/resource-names.ts';
import type { ActionState } from '../../github/state.ts';
import type { Change } from '../../reconcile/findings.ts';

/**
 * The firewall rule for this runner's address. A temporary one is saved in the state before it is asked for, so that post
 * can remove it whenever main ends; one that stays (`keep-firewall-rule`) has another name and counts as a change.
 */
export class RunnerFirewallRule {
  readonly #writer: AzureWriter;
  readonly #reader: AzureReader;
  readonly #state: ActionState;
  readonly #onPersisted: ((change: Change) => void) | undefined;
  readonly #temporaryName: string;
  /** Names of rules that Azure accepted. */
  readonly #acceptedNames = new Set<string>();
  /** Requests for the temporary rule so far. */
  #requestCount = 0;

  /** @param onKept called for each rule that stays; undefined where the rule goes with the job */
  constructor(
    { writer, reader }: { readonly writer: AzureWriter; readonly reader: AzureReader },
    state: ActionState,
    identity: RunIdentity,
    onKept: ((change: Change) => void) | undefined,
  ) {
    this.#writer = writer;
    this.#reader = reader;
    this.#state = state;
    this.#onPersisted = onKept;
    this.#temporaryName = temporaryRuleName(identity, randomBytes(5).toString('hex'));
  }

  /**
   * Makes the rule, or changes the temporary one to another address, and returns what `needed` brings.
   * @param address public IPv4 address of this runner
   */
  createAndWait<T>(address: string, getResult: (ended: boolean) => Promise<T | undefined>): Promise<T> {
    return this.#onPersisted === undefined
      ? this.#createTemporary(address, getResult)
      : this.#createPersistent(address, getResult, this.#onPersisted);
  }

  async #createPersistent<T>(
    address: string,
    getResult: (ended: boolean) => Promise<T | undefined>,
    onPersisted: (change: Change) => void,
  ): Promise<T> {
    const name = persistentRuleName(address);
    const onAccepted = (): void => void this.#acceptedNames.add(name);
    const reportCreated = (): void =>
      onPersisted({ resource: 'firewall rule', name, action: 'create', details: address });
    try {
      const range = { start: address, end: address };
      const result = await this.#writer.createRuleAndWait(name, range, getResult, { onAccepted });
      reportCreated();
      return result;
    } catch (error) {
      if (this.#acceptedNames.has(name) && (await this.#reader.getFirewallRule(name)).status === 'present')
        reportCreated();
      throw error;
    }
  }

  async #createTemporary<T>(
    address: string,
    getResult: (ended: boolean) => Promise<T | undefined>,
  ): Promise<T> {
    const { resourceGroup, name: server } = this.#reader.serverRef;
    const rule = this.#temporaryName;
    const entry = { resourceGroup, server, rule, address };
    try {
      return await this.#writer.createRuleAndWait(rule, { start: address, end: address }, getResult, {
        onRequest: () => {
          this.#requestCount += 1;
          this.#state.saveTemporaryRule(entry);
        },
        onAccepted: (operationUrl) => {
          this.#acceptedNames.add(rule);
          // How a change of the rule ends says nothing about the request that made it.
          const isFirst = this.#requestCount === 1 && operationUrl !== undefined;
          this.#state.saveTemporaryRule(isFirst ? { ...entry, operationUrl } : entry);
        },
      });
    } catch (error) {
      // What Azure refuses of a change leaves the rule that it accepted before.
      if (error instanceof ActionError && error.azure?.wasRejected && !this.#acceptedNames.has(rule))
        this.#state.saveTemporaryRule({ ...entry, refused: true });
      throw error;
    }
  }
}

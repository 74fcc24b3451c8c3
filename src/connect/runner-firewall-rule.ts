import { randomBytes } from 'node:crypto';
import type { RetriedOperation } from '../azure/operations.ts';
import type { AzureWriter } from '../azure/writer.ts';
import { ActionError } from '../common/errors.ts';
import type { SetReason } from '../common/polling.ts';
import { persistentRuleName, type RunIdentity, temporaryRuleName } from '../common/resource-names.ts';
import type { ActionState } from '../github/state.ts';
import type { Change } from '../reconcile/findings.ts';

/** A rule for this runner whose creation Azure has accepted. */
export interface RuleCreation {
  /**
   * Whether Azure has created the rule, for one round of `waitFor`. The rule may work long before that.
   * @throws `azure-request-failed` if Azure cannot create it
   */
  check(setReason: SetReason): Promise<boolean>;
  /** As {@link check}, but asks Azure in few rounds, for a wait that a login ends. */
  checkForFailure(setReason: SetReason): Promise<boolean>;
  /**
   * Call it at the end of each creation: reports a persistent rule as a change.
   * @param works whether the rule is known to work; otherwise a persistent rule counts if Azure shows it
   */
  finish(works: boolean): Promise<void>;
}

/**
 * The firewall rule for this runner's address. A temporary rule is saved in the state before it is requested, so that
 * post can delete it regardless of how main ends. A persistent rule (`keep-firewall-rule`) has another name, and counts
 * as a change.
 */
export class RunnerFirewallRule {
  readonly #writer: AzureWriter;
  readonly #state: ActionState;
  readonly #onPersistentRule: ((change: Change) => void) | undefined;
  readonly #identity: RunIdentity;
  readonly #temporaryName: string;
  /** Requests for the temporary rule so far. */
  #requestCount = 0;
  /** Whether Azure has accepted one of them. */
  #isAccepted = false;

  /** @param onPersistentRule called for each created rule; undefined for a temporary rule */
  constructor(
    writer: AzureWriter,
    state: ActionState,
    identity: RunIdentity,
    onPersistentRule: ((change: Change) => void) | undefined,
  ) {
    this.#writer = writer;
    this.#state = state;
    this.#onPersistentRule = onPersistentRule;
    this.#identity = identity;
    this.#temporaryName = temporaryRuleName(identity, randomBytes(5).toString('hex'));
  }

  /**
   * Requests the rule, or changes the temporary rule to another address. Returns once Azure has accepted it.
   * @param address public IPv4 address of this runner
   * @throws `azure-request-failed`
   */
  start(address: string): Promise<RuleCreation> {
    return this.#onPersistentRule === undefined
      ? this.#startTemporary(address)
      : this.#startPersistent(address, this.#onPersistentRule);
  }

  async #startPersistent(address: string, onPersistentRule: (change: Change) => void): Promise<RuleCreation> {
    const { repositoryId } = this.#identity;
    const name = persistentRuleName({
      repositoryId,
      createdOn: new Date().toISOString().slice(0, 10),
      address,
    });
    let isAccepted = false;
    const onAccepted = (): void => {
      isAccepted = true;
    };
    const finish = async (works: boolean): Promise<void> => {
      if (works || (await this.#writer.reader.getFirewallRule(name)).status === 'present')
        onPersistentRule({ resource: 'firewall rule', name, action: 'create', details: address });
    };
    try {
      const range = { start: address, end: address };
      const operation = await this.#writer.startFirewallRule(name, range, { onAccepted });
      return { ...toChecks(operation), finish };
    } catch (error) {
      // Azure may have created the rule although its response was not readable.
      if (isAccepted) await finish(false);
      throw error;
    }
  }

  async #startTemporary(address: string): Promise<RuleCreation> {
    const { resourceGroup, name: server } = this.#writer.reader.serverRef;
    const rule = this.#temporaryName;
    const entry = { resourceGroup, server, rule, address };
    let operation: RetriedOperation;
    try {
      operation = await this.#writer.startFirewallRule(
        rule,
        { start: address, end: address },
        {
          onRequest: () => {
            this.#requestCount += 1;
            this.#state.saveTemporaryRule(entry);
          },
          onAccepted: (operationUrl) => {
            this.#isAccepted = true;
            // After another request, which is a retry or changes the address, it is uncertain which one creates the rule.
            const isCreation = this.#requestCount === 1 && operationUrl !== undefined;
            this.#state.saveTemporaryRule(isCreation ? { ...entry, operationUrl } : entry);
          },
        },
      );
    } catch (error) {
      // If Azure rejects a change, the rule that it accepted before remains.
      if (error instanceof ActionError && error.azure?.wasRejected && !this.#isAccepted)
        this.#state.saveTemporaryRule({ ...entry, refused: true });
      throw error;
    }
    return { ...toChecks(operation), finish: async () => {} };
  }
}

const toChecks = (operation: RetriedOperation): Pick<RuleCreation, 'check' | 'checkForFailure'> => ({
  check: (setReason) => operation.check(setReason),
  checkForFailure: (setReason) => operation.checkForFailure(setReason),
});

import type { Server } from '@azure/arm-postgresql-flexible';
import type { AzureReader, FoundServer } from '../azure/reader.ts';
import { hasPublicAccess } from '../azure/wait-for-ready.ts';
import type { ConnectionDeps } from '../connect/connect.ts';
import { detectEgressAddress } from '../connect/egress-address.ts';
import type { ActionState } from '../github/state.ts';
import type { Config } from '../inputs/types.ts';
import { type LoginTarget, login } from '../postgres/login.ts';
import type { Change } from '../reconcile/findings.ts';
import { toAddressRange } from '../resources/firewall-rule/firewall-rule-handler.ts';
import { RunnerFirewallRule } from '../resources/firewall-rule/runner-firewall-rule.ts';
import type { ModeContext, WritableControlPlane, WritingConfig } from './context.ts';

/** What reaching this server takes: looks at the firewall and the address, and one way to open, shared by all logins. */
export class FirewallAccess {
  readonly #ctx: ModeContext<Config>;
  readonly #server: Server;
  readonly #reader: AzureReader;
  readonly #echoServices: readonly string[];
  readonly #state: ActionState;
  readonly #rule: RunnerFirewallRule;
  /** Persistent rules that this run has created. */
  readonly changes: Change[] = [];

  constructor(
    ctx: ModeContext<WritingConfig>,
    { azureConnection, reader, writer }: WritableControlPlane,
    { server }: FoundServer,
  ) {
    this.#ctx = ctx;
    this.#server = server;
    this.#reader = reader;
    this.#echoServices = azureConnection.ipEchoUrls;
    this.#state = ctx.state;
    const onPersistentRule = ctx.config.firewall.keepRule
      ? (change: Change): void => {
          this.changes.push(change);
          ctx.reporter.onApplied(change);
        }
      : undefined;
    this.#rule = new RunnerFirewallRule(
      { writer, reader },
      this.#state,
      ctx.runtime.runIdentity,
      onPersistentRule,
    );
  }

  /** The ways to log in to this target. */
  connectionDeps(target: LoginTarget): ConnectionDeps {
    const { run, config } = this.#ctx;
    return {
      login: (timeout) => login(target, timeout, run.signal),
      listRules: async () =>
        (await this.#reader.listFirewallRules()).map((r) => ({ name: r.name ?? '', ...toAddressRange(r) })),
      configuredAddress: config.firewall.runnerIp,
      detectEgressAddress: () => detectEgressAddress(this.#echoServices, run.signal),
      isRuleOfThisJob: (name) => this.#state.isRuleOfThisJob(name),
      openFirewall: (address, poll) => this.#openFirewall(address, poll),
      hasPublicAccess: hasPublicAccess(this.#server),
      hasPrivateEndpoint: (this.#server.privateEndpointConnections ?? []).length > 0,
    };
  }

  async #openFirewall<T>(
    address: string,
    poll: (hasOperationEnded: boolean) => Promise<T | undefined>,
  ): Promise<T> {
    this.#ctx.reporter.recordRunnerRule(address);
    return await this.#rule.createAndWait(address, poll);
  }
}

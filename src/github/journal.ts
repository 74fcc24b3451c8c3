import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SignInWay, signInWays } from '../azure/credentials.ts';
import { isIPv4 } from '../config/addresses.ts';
import type { CloudName, SignInConfig } from '../config/config.ts';
import { kinds } from '../config/kinds.ts';
import { isTemporaryRuleName } from '../config/names.ts';
import { firewallRuleName, guid, resourceGroupName, serverName } from '../config/rules.ts';
import { fail } from '../errors.ts';
import type { NetworkSettings } from '../network.ts';
import type { Workflow } from './workflow.ts';

/** How main signed in; without any secret, which `post` reads again from the step's own inputs. */
export interface SignInEntry {
  /** Post signs in the same way, whatever a later step has put into the environment. */
  readonly way: SignInWay;
  /** The endpoints follow from it. */
  readonly cloud: CloudName;
  readonly signIn: Omit<SignInConfig, 'clientSecret'>;
  readonly network: NetworkSettings;
}

/** This run's temporary firewall rule. */
export interface RuleEntry {
  readonly resourceGroup: string;
  readonly server: string;
  readonly rule: string;
  /** Of the request that makes it, once Azure has named it. */
  readonly operationUrl?: string;
  /** That Azure refused the only request, so that nothing can come of it. */
  readonly refused?: true;
  /** The address that it admits. */
  readonly address: string;
}

/** Every key of the state. */
const keys = ['sign-in', 'rule', 'env-file', 'migration'] as const;

/** Characters of the longest URL of an operation that is believed; those of 2026 have some four thousand. */
const MAX_URL_LENGTH = 16_000;

/**
 * What main writes down before it acts, and post reads: the action's state. It is untrusted input to post. A step can set
 * `STATE_…` for later steps by GITHUB_ENV, which counts where main has saved nothing; so main saves every key, first of
 * all. And what a migration appends to the file of the state counts until main saves again.
 */
export class Journal {
  readonly #workflow: Workflow;

  constructor(workflow: Workflow) {
    this.#workflow = workflow;
  }

  /** Saves every key as empty, so that none can come from elsewhere. */
  begin(): void {
    for (const key of keys) this.#workflow.saveState(key, null);
  }

  writeSignIn(entry: SignInEntry): void {
    this.#workflow.saveState('sign-in', entry);
  }

  writeRule(entry: RuleEntry): void {
    this.#workflow.saveState('rule', entry);
    const file = jobFile();
    if (file !== undefined && !this.isOfThisJob(entry.rule))
      appendFileSync(file, `${entry.rule}\n`, { mode: 0o600 });
  }

  writeEnvFile(path: string): void {
    this.#workflow.saveState('env-file', path);
  }

  writeMigration(mark: string): void {
    this.#workflow.saveState('migration', mark);
  }

  /** @throws `state-invalid` */
  signIn(): SignInEntry | undefined {
    const entry = this.#object('sign-in');
    if (entry === undefined) return undefined;
    const { way, cloud, signIn, network } = entry;
    const ids = objectOf(signIn);
    const isId = (id: unknown): boolean =>
      id === undefined || (typeof id === 'string' && guid(id) === undefined);
    this.#expect('sign-in', 'way', signInWays.includes(way as SignInWay));
    this.#expect('sign-in', 'cloud', kinds['azure-environment'].choices.includes(cloud as CloudName));
    for (const name of ['clientId', 'tenantId', 'subscriptionId'])
      this.#expect(
        'sign-in',
        name,
        isId(ids?.[name]) && (name !== 'subscriptionId' || ids?.[name] !== undefined),
      );
    this.#expect('sign-in', 'network', isNetwork(network));
    return entry as unknown as SignInEntry;
  }

  /** @throws `state-invalid` */
  rule(): RuleEntry | undefined {
    const entry = this.#object('rule');
    if (entry === undefined) return undefined;
    const { resourceGroup, server, rule, operationUrl, refused, address } = entry;
    const is = (value: unknown, check: (text: string) => boolean): boolean =>
      typeof value === 'string' && check(value);
    const checks = {
      resourceGroup: is(resourceGroup, (text) => resourceGroupName(text) === undefined),
      server: is(server, (text) => serverName(text) === undefined),
      rule: is(rule, (text) => isTemporaryRuleName(text) && firewallRuleName(text) === undefined),
      operationUrl: operationUrl === undefined || is(operationUrl, (text) => text.length <= MAX_URL_LENGTH),
      refused: refused === undefined || refused === true,
      address: is(address, isIPv4),
    };
    for (const [name, isValid] of Object.entries(checks)) this.#expect('rule', name, isValid);
    return entry as unknown as RuleEntry;
  }

  envFile(): string | undefined {
    return this.#text('env-file');
  }

  migration(): string | undefined {
    return this.#text('migration');
  }

  /**
   * Whether a step of this very job made the rule: posts run last first, so it outlives our use. Ids in the name
   * cannot tell, since jobs of one run share them; the runner's temporary folder is the job's own.
   */
  isOfThisJob(rule: string): boolean {
    const file = jobFile();
    return file !== undefined && existsSync(file) && readFileSync(file, 'utf8').split('\n').includes(rule);
  }

  #value(key: (typeof keys)[number]): unknown {
    const text = this.#workflow.savedState(key);
    if (text === '') return undefined;
    try {
      return JSON.parse(text) ?? undefined;
    } catch {
      throw fail('state-invalid', { key, reason: 'is not JSON' });
    }
  }

  #object(key: (typeof keys)[number]): Readonly<Record<string, unknown>> | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    this.#expect(key, '', objectOf(value) !== undefined);
    return objectOf(value);
  }

  #text(key: (typeof keys)[number]): string | undefined {
    const value = this.#value(key);
    this.#expect(key, '', value === undefined || typeof value === 'string');
    return typeof value === 'string' ? value : undefined;
  }

  #expect(key: string, field: string, isValid: boolean): void {
    if (isValid) return;
    throw fail('state-invalid', {
      key,
      reason: field === '' ? 'has another form' : `has no usable ${field}`,
    });
  }
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;

function isNetwork(value: unknown): boolean {
  const network = objectOf(value);
  return (
    typeof network?.['salt'] === 'string' &&
    Object.values(objectOf(network['digests']) ?? { none: 0 }).every((digest) => typeof digest === 'string')
  );
}

function jobFile(): string | undefined {
  const directory = process.env['RUNNER_TEMP'];
  return directory && join(directory, 'azure-postgresql-action.rules');
}

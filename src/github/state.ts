import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { AUTH_METHODS, type AuthMethod } from '../azure/credentials.ts';
import { isIPv4 } from '../common/addresses.ts';
import { actionError } from '../common/errors.ts';
import type { NetworkSettings } from '../common/network.ts';
import { isTemporaryRuleName, MAX_IDENTIFIER_BYTES } from '../common/resource-names.ts';
import { inputSchema } from '../inputs/schema.ts';
import type { CloudName, SignInConfig } from '../inputs/types.ts';
import {
  validateFirewallRuleName,
  validateGuid,
  validateResourceGroupName,
  validateServerName,
} from '../inputs/validators.ts';
import type { ActionsRuntime } from './actions.ts';

/** How main signed in; without any secret, which `post` reads again from the step's own inputs. */
export interface SignInState {
  /** Post signs in the same way, whatever a later step has put into the environment. */
  readonly way: AuthMethod;
  /** The endpoints follow from it. */
  readonly cloud: CloudName;
  readonly signIn: Omit<SignInConfig, 'clientSecret'>;
  readonly network: NetworkSettings;
}

/** This run's temporary firewall rule. */
export interface TemporaryRuleState {
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
const STATE_KEYS = ['sign-in', 'rule', 'env-file', 'migration'] as const;

/** Characters of the longest URL of an operation that is believed; those of 2026 have some four thousand. */
const MAX_URL_LENGTH = 16_000;
/** A migration that runs; without any password, which `post` reads again from the step's own inputs. */
export interface MigrationState {
  /** By which its processes and its sessions are found. */
  readonly tag: string;
  /** Whose connection it has. */
  readonly as: 'app' | 'admin';
  readonly resourceGroup: string;
  readonly server: string;
  readonly user: string;
  readonly database: string;
  /** The server's time at its beginning, as PostgreSQL writes it. */
  readonly since?: string;
  /** That nothing of it runs any more, on the runner or in the server. */
  readonly ended?: true;
}

/**
 * What main writes down before it acts, and post reads: the action's state. It is untrusted input to post. A step can set
 * `STATE_…` for later steps by GITHUB_ENV, which counts where main has saved nothing; so main saves every key, first of
 * all. And what a migration appends to the file of the state counts until main saves again.
 */
export class ActionState {
  readonly #runtime: ActionsRuntime;

  constructor(runtime: ActionsRuntime) {
    this.#runtime = runtime;
  }

  /** Saves every key as empty, so that none can come from elsewhere. */
  reset(): void {
    for (const key of STATE_KEYS) this.#runtime.saveState(key, null);
  }

  saveSignIn(entry: SignInState): void {
    this.#runtime.saveState('sign-in', entry);
  }

  saveTemporaryRule(entry: TemporaryRuleState): void {
    this.#runtime.saveState('rule', entry);
    const file = jobRulesFile();
    if (file !== undefined && !this.isRuleOfThisJob(entry.rule)) appendLine(file, entry.rule);
  }

  saveEnvFile(path: string): void {
    this.#runtime.saveState('env-file', path);
  }

  saveMigration(entry: MigrationState): void {
    this.#runtime.saveState('migration', entry);
  }

  /** Replaces everything in the state's file, after a migration, which can write to that file too. */
  rewrite(): void {
    this.#runtime.rewriteState();
  }

  /** @throws `state-invalid` */
  readSignIn(): SignInState | undefined {
    const entry = this.#readObject('sign-in');
    if (entry === undefined) return undefined;
    const { way, cloud, signIn, network } = entry;
    const { clientId, tenantId, subscriptionId } = asObject(signIn) ?? {};
    const isGuid = (id: unknown): boolean => isValidText(id, (text) => validateGuid(text) === undefined);
    this.#validateFields('sign-in', {
      way: AUTH_METHODS.includes(way as AuthMethod),
      cloud: inputSchema['azure-environment'].choices.includes(cloud as CloudName),
      clientId: clientId === undefined || isGuid(clientId),
      tenantId: tenantId === undefined || isGuid(tenantId),
      subscriptionId: isGuid(subscriptionId),
      network: isNetworkSettings(network),
    });
    return entry as unknown as SignInState;
  }

  /** @throws `state-invalid` */
  readTemporaryRule(): TemporaryRuleState | undefined {
    const entry = this.#readObject('rule');
    if (entry === undefined) return undefined;
    const { resourceGroup, server, rule, operationUrl, refused, address } = entry;
    this.#validateFields('rule', {
      resourceGroup: isValidText(resourceGroup, (text) => validateResourceGroupName(text) === undefined),
      server: isValidText(server, (text) => validateServerName(text) === undefined),
      rule: isValidText(
        rule,
        (text) => isTemporaryRuleName(text) && validateFirewallRuleName(text) === undefined,
      ),
      operationUrl:
        operationUrl === undefined || isValidText(operationUrl, (text) => text.length <= MAX_URL_LENGTH),
      refused: refused === undefined || refused === true,
      address: isValidText(address, isIPv4),
    });
    return entry as unknown as TemporaryRuleState;
  }

  readEnvFile(): string | undefined {
    return this.#readText('env-file');
  }

  /** @throws `state-invalid` */
  readMigration(): MigrationState | undefined {
    const entry = this.#readObject('migration');
    if (entry === undefined) return undefined;
    const { tag, as, resourceGroup, server, user, database, since, ended } = entry;
    this.#validateFields('migration', {
      tag: isValidText(tag, (text) => /^[0-9a-f]{24}$/.test(text)),
      as: as === 'app' || as === 'admin',
      resourceGroup: isValidText(resourceGroup, (text) => validateResourceGroupName(text) === undefined),
      server: isValidText(server, (text) => validateServerName(text) === undefined),
      user: isValidText(user, isIdentifier),
      database: isValidText(database, isIdentifier),
      since: since === undefined || isValidText(since, (text) => /^[\d :.+-]{10,40}$/.test(text)),
      ended: ended === undefined || ended === true,
    });
    return entry as unknown as MigrationState;
  }

  /**
   * Whether a step of this very job made the rule: posts run last first, so it outlives our use. Ids in the name
   * cannot tell, since jobs of one run share them; the runner's temporary folder is the job's own.
   */
  isRuleOfThisJob(rule: string): boolean {
    const file = jobRulesFile();
    return file !== undefined && existsSync(file) && readFileSync(file, 'utf8').split('\n').includes(rule);
  }

  #readValue(key: (typeof STATE_KEYS)[number]): unknown {
    const text = this.#runtime.readState(key);
    if (text === '') return undefined;
    try {
      return JSON.parse(text) ?? undefined;
    } catch {
      throw actionError('state-invalid', { key, reason: 'is not JSON' });
    }
  }

  #readObject(key: (typeof STATE_KEYS)[number]): Readonly<Record<string, unknown>> | undefined {
    const value = this.#readValue(key);
    if (value === undefined) return undefined;
    this.#validate(key, '', asObject(value) !== undefined);
    return asObject(value);
  }

  #readText(key: (typeof STATE_KEYS)[number]): string | undefined {
    const value = this.#readValue(key);
    this.#validate(key, '', value === undefined || typeof value === 'string');
    return typeof value === 'string' ? value : undefined;
  }

  #validateFields(key: string, fields: Readonly<Record<string, boolean>>): void {
    for (const [field, isValid] of Object.entries(fields)) this.#validate(key, field, isValid);
  }

  #validate(key: string, field: string, isValid: boolean): void {
    if (isValid) return;
    throw actionError('state-invalid', {
      key,
      reason: field === '' ? 'has another form' : `has no usable ${field}`,
    });
  }
}

const isValidText = (value: unknown, check: (text: string) => boolean): boolean =>
  typeof value === 'string' && check(value);

/** Whether PostgreSQL takes it for a name. */
const isIdentifier = (text: string): boolean =>
  text !== '' && Buffer.byteLength(text) <= MAX_IDENTIFIER_BYTES && !/\p{Cc}/u.test(text);

const asObject = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;

function isNetworkSettings(value: unknown): boolean {
  const network = asObject(value);
  return (
    typeof network?.['salt'] === 'string' &&
    Object.values(asObject(network['digests']) ?? { none: 0 }).every((digest) => typeof digest === 'string')
  );
}

/** Not through a link that another step may have put in its place; without the line, a later step makes a rule of its own. */
function appendLine(file: string, line: string): void {
  const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_WRONLY } = constants;
  try {
    const descriptor = openSync(file, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
    writeSync(descriptor, `${line}\n`);
    closeSync(descriptor);
  } catch {
    // As above.
  }
}

function jobRulesFile(): string | undefined {
  const directory = process.env['RUNNER_TEMP'];
  return directory && join(directory, 'azure-postgresql-action.rules');
}

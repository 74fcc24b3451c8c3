import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isIPv4 } from '../common/addresses.ts';
import { actionError } from '../common/errors.ts';
import { asObject, type JsonObject } from '../common/json.ts';
import type { NetworkSettings } from '../common/network.ts';
import { isTemporaryRuleName, MAX_IDENTIFIER_BYTES } from '../common/resource-names.ts';
import { inputSchema } from '../inputs/schema.ts';
import type { AuthMethod, CloudName, SignInConfig } from '../inputs/types.ts';
import {
  validateFirewallRuleName,
  validateGuid,
  validateResourceGroupName,
  validateServerName,
} from '../inputs/validators.ts';
import type { ActionsRuntime } from './actions.ts';

/** How main signed in. It holds no secret: `post` reads the secret from the step's inputs again. */
export interface SignInState {
  /** Post uses the same method, regardless of the variables that later steps set. */
  readonly way: AuthMethod;
  /** Determines the endpoints. */
  readonly cloud: CloudName;
  readonly signIn: Omit<SignInConfig, 'clientSecret'>;
  readonly network: NetworkSettings;
}

/** This run's temporary firewall rule. */
export interface TemporaryRuleState {
  readonly resourceGroup: string;
  readonly server: string;
  readonly rule: string;
  /** URL of the operation that creates the rule, once Azure has returned it. */
  readonly operationUrl?: string;
  /** Set when Azure rejected the only request, so that the rule cannot appear later. */
  readonly refused?: true;
  /** The address that it admits. */
  readonly address: string;
}

const STATE_KEYS = ['sign-in', 'rule', 'env-file', 'migration'] as const;

/** Maximum length of an operation URL; those that Azure returns have about 4,000 characters. */
const MAX_URL_LENGTH = 16_000;

const AUTH_METHODS: readonly AuthMethod[] = ['client-secret', 'oidc', 'ambient'];

/** Objects in the state. The runner passes the state in the environment, whose variables have at most 128 KiB on Linux. */
export const MAX_OWNED_BEFORE = 2000;

/** A running migration. It holds no password: `post` reads the password from the step's inputs again. */
export interface MigrationState {
  /** Identifies its processes and sessions. */
  readonly tag: string;
  /** The role whose connection it uses. */
  readonly as: 'app' | 'admin';
  readonly resourceGroup: string;
  readonly server: string;
  readonly user: string;
  readonly database: string;
  /** The server's time at its start, in PostgreSQL's format. */
  readonly since?: string;
  /** With `as: admin`, the application role that gets what the migration creates. */
  readonly objectOwner?: string;
  /** The ids of what the administrator owned before; not set if there were more than {@link MAX_OWNED_BEFORE}. */
  readonly ownedBefore?: readonly string[];
  /** Set when all of its processes and sessions have ended. */
  readonly ended?: true;
}

/**
 * The action's state, which main saves before it acts and post reads. Post does not trust it. An earlier step can set
 * `STATE_…` through GITHUB_ENV, which takes effect if main has saved nothing, so main first saves every key. A
 * migration can append to the state file, which takes effect until main saves again.
 */
export class ActionState {
  readonly #runtime: ActionsRuntime;

  constructor(runtime: ActionsRuntime) {
    this.#runtime = runtime;
  }

  /** Saves every key as empty, so that no other step can set it. */
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

  /** Replaces the content of the state file after a migration, which can write to that file. */
  rewrite(): void {
    this.#runtime.rewriteState();
  }

  /** Whether there is an entry, valid or not. */
  has(key: (typeof STATE_KEYS)[number]): boolean {
    return !['', 'null'].includes(this.#runtime.readState(key));
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
    const { tag, as, resourceGroup, server, user, database, since, ended, objectOwner, ownedBefore } = entry;
    this.#validateFields('migration', {
      tag: isValidText(tag, (text) => /^[0-9a-f]{24}$/.test(text)),
      as: as === 'app' || as === 'admin',
      resourceGroup: isValidText(resourceGroup, (text) => validateResourceGroupName(text) === undefined),
      server: isValidText(server, (text) => validateServerName(text) === undefined),
      user: isValidText(user, isIdentifier),
      database: isValidText(database, isIdentifier),
      since: since === undefined || isValidText(since, (text) => /^[\d :.+-]{10,40}$/.test(text)),
      ended: ended === undefined || ended === true,
      objectOwner: objectOwner === undefined || isValidText(objectOwner, isIdentifier),
      ownedBefore: ownedBefore === undefined || isListOfObjectIds(ownedBefore),
    });
    return entry as unknown as MigrationState;
  }

  /**
   * Whether a step of this job created the rule. Such a rule outlives this step, because post parts run in reverse
   * order. The ids in its name do not identify the job, because all jobs of a run share them; the runner's temporary
   * folder does.
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

  #readObject(key: (typeof STATE_KEYS)[number]): JsonObject | undefined {
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
      reason: field === '' ? 'has an invalid format' : `has an invalid ${field}`,
    });
  }
}

const isValidText = (value: unknown, check: (text: string) => boolean): boolean =>
  typeof value === 'string' && check(value);

const isListOfObjectIds = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length <= MAX_OWNED_BEFORE &&
  value.every((id) => isValidText(id, (text) => /^\d{1,10}\/\d{1,10}$/.test(text)));

/** Whether PostgreSQL accepts it as an identifier. */
const isIdentifier = (text: string): boolean =>
  text !== '' && Buffer.byteLength(text) <= MAX_IDENTIFIER_BYTES && !/\p{Cc}/u.test(text);

function isNetworkSettings(value: unknown): boolean {
  const network = asObject(value);
  return (
    typeof network?.['salt'] === 'string' &&
    Object.values(asObject(network['digests']) ?? { none: 0 }).every((digest) => typeof digest === 'string')
  );
}

/**
 * Does not follow a symbolic link that another step may have created. If it fails, a later step does not recognize the
 * rule and creates its own.
 */
function appendLine(file: string, line: string): void {
  const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_WRONLY } = constants;
  try {
    const descriptor = openSync(file, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
    writeSync(descriptor, `${line}\n`);
    closeSync(descriptor);
  } catch {
    // If this fails, a later step creates its own rule.
  }
}

function jobRulesFile(): string | undefined {
  const directory = process.env['RUNNER_TEMP'];
  return directory && join(directory, 'azure-postgresql-action.rules');
}

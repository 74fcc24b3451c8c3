import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type SignInWay, signInWays } from '../azure/credentials.ts';
import { isIPv4 } from '../config/addresses.ts';
import type { CloudName, SignInConfig } from '../config/config.ts';
import { kinds } from '../config/kinds.ts';
import { isTemporaryRuleName, longestIdentifier } from '../config/names.ts';
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
/** A migration that runs; without any password, which `post` reads again from the step's own inputs. */
export interface MigrationEntry {
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
    if (file !== undefined && !this.isOfThisJob(entry.rule)) appendLine(file, entry.rule);
  }

  writeEnvFile(path: string): void {
    this.#workflow.saveState('env-file', path);
  }

  writeMigration(entry: MigrationEntry): void {
    this.#workflow.saveState('migration', entry);
  }

  /** Replaces everything in the state's file, after a migration, which can write to that file too. */
  saveAgain(): void {
    this.#workflow.replaceState();
  }

  /** @throws `state-invalid` */
  signIn(): SignInEntry | undefined {
    const entry = this.#object('sign-in');
    if (entry === undefined) return undefined;
    const { way, cloud, signIn, network } = entry;
    const { clientId, tenantId, subscriptionId } = objectOf(signIn) ?? {};
    const isGuid = (id: unknown): boolean => isText(id, (text) => guid(text) === undefined);
    this.#expectAll('sign-in', {
      way: signInWays.includes(way as SignInWay),
      cloud: kinds['azure-environment'].choices.includes(cloud as CloudName),
      clientId: clientId === undefined || isGuid(clientId),
      tenantId: tenantId === undefined || isGuid(tenantId),
      subscriptionId: isGuid(subscriptionId),
      network: isNetwork(network),
    });
    return entry as unknown as SignInEntry;
  }

  /** @throws `state-invalid` */
  rule(): RuleEntry | undefined {
    const entry = this.#object('rule');
    if (entry === undefined) return undefined;
    const { resourceGroup, server, rule, operationUrl, refused, address } = entry;
    this.#expectAll('rule', {
      resourceGroup: isText(resourceGroup, (text) => resourceGroupName(text) === undefined),
      server: isText(server, (text) => serverName(text) === undefined),
      rule: isText(rule, (text) => isTemporaryRuleName(text) && firewallRuleName(text) === undefined),
      operationUrl:
        operationUrl === undefined || isText(operationUrl, (text) => text.length <= MAX_URL_LENGTH),
      refused: refused === undefined || refused === true,
      address: isText(address, isIPv4),
    });
    return entry as unknown as RuleEntry;
  }

  envFile(): string | undefined {
    return this.#text('env-file');
  }

  /** @throws `state-invalid` */
  migration(): MigrationEntry | undefined {
    const entry = this.#object('migration');
    if (entry === undefined) return undefined;
    const { tag, as, resourceGroup, server, user, database, since, ended } = entry;
    this.#expectAll('migration', {
      tag: isText(tag, (text) => /^[0-9a-f]{24}$/.test(text)),
      as: as === 'app' || as === 'admin',
      resourceGroup: isText(resourceGroup, (text) => resourceGroupName(text) === undefined),
      server: isText(server, (text) => serverName(text) === undefined),
      user: isText(user, isIdentifier),
      database: isText(database, isIdentifier),
      since: since === undefined || isText(since, (text) => /^[\d :.+-]{10,40}$/.test(text)),
      ended: ended === undefined || ended === true,
    });
    return entry as unknown as MigrationEntry;
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

  #expectAll(key: string, fields: Readonly<Record<string, boolean>>): void {
    for (const [field, isValid] of Object.entries(fields)) this.#expect(key, field, isValid);
  }

  #expect(key: string, field: string, isValid: boolean): void {
    if (isValid) return;
    throw fail('state-invalid', {
      key,
      reason: field === '' ? 'has another form' : `has no usable ${field}`,
    });
  }
}

const isText = (value: unknown, check: (text: string) => boolean): boolean =>
  typeof value === 'string' && check(value);

/** Whether PostgreSQL takes it for a name. */
const isIdentifier = (text: string): boolean =>
  text !== '' && Buffer.byteLength(text) <= longestIdentifier && !/\p{Cc}/u.test(text);

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

function jobFile(): string | undefined {
  const directory = process.env['RUNNER_TEMP'];
  return directory && join(directory, 'azure-postgresql-action.rules');
}

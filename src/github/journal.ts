import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoints } from '../azure/clouds.ts';
import type { SignInWay } from '../azure/credentials.ts';
import type { SignInConfig } from '../config/config.ts';
import type { Workflow } from './workflow.ts';

/** How main signed in; without any secret, which `post` reads again from the step's own inputs. */
export interface SignInEntry {
  /** Post goes the same way, whatever a later step has put into the environment. */
  readonly way: SignInWay;
  readonly signIn: Omit<SignInConfig, 'clientSecret'>;
  readonly endpoints: Endpoints;
}

/** This run's temporary firewall rule. */
export interface RuleEntry {
  readonly resourceGroup: string;
  readonly server: string;
  readonly rule: string;
  /** Of the request that makes it, once Azure has named it. */
  readonly operationUrl?: string;
  /** That Azure refused the request, so that nothing can come of it. */
  readonly refused?: true;
  /** For the proof that the door is shut again. */
  readonly host: string;
  readonly address: string;
}

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
 * What main writes down before it acts, and post reads. Entries are typed here and nowhere else; they live in the
 * action's state, which no later step can change (design.md, Journal before act).
 */
export class Journal {
  readonly #workflow: Workflow;

  constructor(workflow: Workflow) {
    this.#workflow = workflow;
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

  writeMigration(entry: MigrationEntry): void {
    this.#workflow.saveState('migration', entry);
  }

  /** Replaces everything in the state's file, after a migration, which can write to that file too. */
  saveAgain(): void {
    this.#workflow.replaceState();
  }

  signIn(): SignInEntry | undefined {
    return this.#workflow.savedState('sign-in') as SignInEntry | undefined;
  }

  rule(): RuleEntry | undefined {
    return this.#workflow.savedState('rule') as RuleEntry | undefined;
  }

  envFile(): string | undefined {
    return this.#workflow.savedState('env-file') as string | undefined;
  }

  migration(): MigrationEntry | undefined {
    return this.#workflow.savedState('migration') as MigrationEntry | undefined;
  }

  /**
   * Whether a step of this very job made the rule: posts run last first, so it outlives our use. Ids in the name
   * cannot tell, since jobs of one run share them; the runner's temporary folder is the job's own.
   */
  isOfThisJob(rule: string): boolean {
    const file = jobFile();
    return file !== undefined && existsSync(file) && readFileSync(file, 'utf8').split('\n').includes(rule);
  }
}

function jobFile(): string | undefined {
  const directory = process.env['RUNNER_TEMP'];
  return directory && join(directory, 'azure-postgresql-action.rules');
}

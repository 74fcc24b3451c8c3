import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { appendFile } from 'node:fs/promises';
import * as core from '@actions/core';
import { readFileWithLimit } from '../common/files.ts';
import type { RunIdentity } from '../common/resource-names.ts';
import { sanitizeText } from '../common/sanitize.ts';
import type { WorkflowEvent } from '../inputs/workflow-event.ts';
import { encodedVariants } from './encoded-variants.ts';
import { parseEvent } from './parse-event.ts';

/** Where an annotation stands. */
type AnnotationProperties = core.AnnotationProperties;

/**
 * The workflow as the action meets it, by the environment as it is at each call; the only importer of @actions/core.
 */
export class ActionsRuntime {
  readonly #masked = new Set<string>();
  readonly #state = new Map<string, unknown>();
  #event: WorkflowEvent | undefined;

  /** Raw text of an input, untrimmed; empty where it was not given. */
  rawInput(name: string): string {
    return core.getInput(name, { trimWhitespace: false });
  }

  /** Masks every form of a secret from here on. To be called before anything of it is written. */
  mask(secret: string): void {
    for (const variant of encodedVariants(secret).filter((f) => !this.#masked.has(f))) {
      this.#masked.add(variant);
      core.setSecret(variant);
    }
  }

  /** A line of the log; text from outside cannot become a workflow command by beginning with one. */
  info(text: string): void {
    core.info(escapeCommands(sanitizeLine(text)));
  }

  debug(text: string): void {
    core.debug(sanitizeLine(text));
  }

  notice(text: string): void {
    core.notice(sanitizeLine(text));
  }

  warning(text: string, properties: AnnotationProperties = {}): void {
    core.warning(sanitizeLine(text), properties);
  }

  /** An annotation; the step goes on. */
  error(text: string, properties: AnnotationProperties = {}): void {
    core.error(sanitizeLine(text), properties);
  }

  async group<T>(name: string, work: () => Promise<T>): Promise<T> {
    return await core.group(name, work);
  }

  /**
   * Runs a half of the action. An error ends the step as failed, with its whole text as an annotation.
   * @returns the exit code of the process
   */
  async run(entrypoint: (workflow: ActionsRuntime) => Promise<void>): Promise<number> {
    try {
      await entrypoint(this);
      return 0;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      core.error(sanitizeLine(error.message));
      core.debug(escapeCommands(sanitizeLine(error.stack ?? '')));
      return core.ExitCode.Failure;
    }
  }

  setOutput(name: string, value: string): void {
    core.setOutput(name, value);
  }

  exportVariable(name: string, value: string): void {
    core.exportVariable(name, value);
  }

  /** What `post` will read, as JSON; GitHub keeps it even if the step is killed right after. */
  saveState(name: string, value: unknown): void {
    this.#state.set(name, value);
    core.saveState(name, JSON.stringify(value));
  }

  /** Saves once more what was saved, in place of whatever the state's file holds by now. */
  rewriteState(): void {
    const path = commandFilePath('GITHUB_STATE');
    if (path !== undefined) writeFileSync(path, '');
    for (const [name, value] of this.#state) this.saveState(name, value);
  }

  /**
   * Prepares the runner's files for writing after a command that could write to them. An unfinished last line is ended,
   * since what is written next would continue it. What is no longer a file is replaced by one: writing to a pipe that
   * nobody reads would never return.
   */
  repairCommandFiles(): void {
    for (const name of ['GITHUB_STATE', 'GITHUB_OUTPUT', 'GITHUB_ENV', 'GITHUB_STEP_SUMMARY']) {
      const path = process.env[name];
      if (!path) continue;
      if (!isRegularFile(path)) {
        rmSync(path, { recursive: true, force: true });
        writeFileSync(path, '', { flag: 'wx' });
        this.warning(
          `The file that ${name} names was no file any more, so it was made again; what it held is lost.`,
        );
      } else if (lastByte(path) !== NEWLINE_BYTE) appendFileSync(path, '\n');
    }
  }

  /** The text last saved under this name by this step's main part; empty where there is none. */
  readState(name: string): string {
    return core.getState(name);
  }

  /** Appends Markdown to the job's summary. */
  async appendSummary(markdown: string): Promise<void> {
    const path = commandFilePath('GITHUB_STEP_SUMMARY');
    if (path !== undefined) await appendFile(path, `${markdown}\n`);
  }

  get canRequestIdToken(): boolean {
    return Boolean(
      process.env['ACTIONS_ID_TOKEN_REQUEST_URL'] && process.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'],
    );
  }

  /** A fresh OIDC token of this job; @actions/core masks it. */
  requestIdToken(audience: string): Promise<string> {
    return core.getIDToken(audience);
  }

  /** Where this run can be looked at; undefined outside a workflow. */
  get runUrl(): string | undefined {
    const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = process.env;
    return server && repository && run ? `${server}/${repository}/actions/runs/${run}` : undefined;
  }

  /** Path of the workflow's file in its repository; undefined outside a workflow. */
  get workflowFile(): string | undefined {
    return /^[^/]+\/[^/]+\/(.+?)@/.exec(process.env['GITHUB_WORKFLOW_REF'] ?? '')?.[1];
  }

  /** What started this workflow. */
  get event(): WorkflowEvent {
    this.#event ??= parseEvent(readEventPayload(process.env['GITHUB_EVENT_PATH']), process.env);
    return this.#event;
  }

  /** The ids by which this run's temporary rule is named. */
  get runIdentity(): RunIdentity {
    const { GITHUB_RUN_ID: run = '', GITHUB_RUN_ATTEMPT: attempt = '' } = process.env;
    return {
      repositoryId: numericOrZero(this.event.repository.id),
      runId: numericOrZero(run),
      runAttempt: numericOrZero(attempt),
    };
  }

  /** Who we are in `pg_stat_activity`. */
  get applicationName(): string {
    const {
      GITHUB_REPOSITORY: repository = '',
      GITHUB_RUN_ID: run = '',
      GITHUB_RUN_ATTEMPT: attempt = '',
    } = process.env;
    return `azure-postgresql-action ${repository.slice(-24)} run ${run}/${attempt}`;
  }
}

/** Characters of one line of the log or one annotation, above those of any error of the catalogue. */
const MAX_LINE_LENGTH = 120_000;

/** What may come from outside in a line: bounded, and without control characters. */
const sanitizeLine = (text: string): string => sanitizeText(text, MAX_LINE_LENGTH);

/** Bytes of a webhook's payload: GitHub sends 25 MB at most. */
const MAX_PAYLOAD_BYTES = 32 * 2 ** 20;

const NEWLINE_BYTE = 10;

/** A file of the runner's that a variable names; undefined where there is none. */
function commandFilePath(name: string): string | undefined {
  const path = process.env[name];
  return path && isRegularFile(path) ? path : undefined;
}

const isRegularFile = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** Of a file; a line break where it is empty. */
function lastByte(path: string): number {
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const byte = Buffer.from([NEWLINE_BYTE]);
    if (size > 0) readSync(descriptor, byte, 0, 1, size - 1);
    return byte[0] ?? NEWLINE_BYTE;
  } finally {
    closeSync(descriptor);
  }
}

/** The webhook's payload; an empty one outside a workflow. */
function readEventPayload(path = ''): object {
  if (!existsSync(path)) return {};
  const payload = readFileWithLimit(path, MAX_PAYLOAD_BYTES);
  if (typeof payload === 'number')
    throw new Error(
      `The event's payload, which GITHUB_EVENT_PATH names, has more than ${MAX_PAYLOAD_BYTES} bytes, more than GitHub sends: check which step has changed it.`,
    );
  return JSON.parse(payload.toString('utf8'));
}

const numericOrZero = (text: string): string => (/^\d{1,20}$/.test(text) ? text : '0');

/**
 * The runner looks for `::` at the beginning of a line, after white space as .NET knows it (U+0085 too), and for `##[`
 * anywhere in it.
 */
const escapeCommands = (text: string): string =>
  text.replace(/^([\s\u0085]*)::/gm, (_, space) => `${space}: ::`).replaceAll('##[', '# #[');

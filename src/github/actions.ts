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
import * as core from '@actions/core';
import { ActionError, walkErrors } from '../common/errors.ts';
import { readFileWithLimit } from '../common/files.ts';
import { withTimeout } from '../common/polling.ts';
import type { RunIdentity } from '../common/resource-names.ts';
import { sanitizeText } from '../common/sanitize.ts';
import type { WorkflowEvent } from '../inputs/workflow-event.ts';
import { appendKeyValue } from './command-files.ts';
import { encodedVariants } from './encoded-variants.ts';
import { parseEvent } from './parse-event.ts';

/** The runner's interface to the action: inputs, log, outputs, state, event. Only this file imports @actions/core. */
export class ActionsRuntime {
  readonly #masked = new Set<string>();
  readonly #state = new Map<string, unknown>();
  #event: WorkflowEvent | undefined;
  /** A group that begins with its first line, so that the log has no empty one. */
  #pendingGroup: string | undefined;
  #lastLine: string | undefined;
  #prefetchedIdToken:
    | { readonly audience: string; readonly token: Promise<string>; readonly requestedAt: number }
    | undefined;

  /** Untrimmed text of an input; empty if it is not set. */
  rawInput(name: string): string {
    return core.getInput(name, { trimWhitespace: false });
  }

  /** Masks a secret in every encoding. Must be called before any part of it is written. */
  mask(secret: string): void {
    for (const variant of encodedVariants(secret)) this.maskText(variant);
  }

  /** Masks a text as it is; the runner adds Base64 and the encodings of its own. */
  maskText(text: string): void {
    if (this.#masked.has(text)) return;
    this.#masked.add(text);
    core.setSecret(text);
  }

  /** Writes to the log. Workflow commands in the text are escaped, because parts of it may come from outside. */
  info(text: string): void {
    this.#beginGroup();
    core.info(escapeCommands(sanitizeLine(text)));
  }

  /** Writes to the log if debug logging is enabled. */
  debug(text: string): void {
    if (core.isDebug()) core.debug(escapeCommands(sanitizeLine(text)));
  }

  notice(text: string): void {
    this.#beginGroup();
    core.notice(sanitizeLine(text));
  }

  warning(text: string, properties: core.AnnotationProperties = {}): void {
    this.#beginGroup();
    core.warning(sanitizeLine(text), properties);
  }

  /** Adds an error annotation; the step does not end. */
  error(text: string, properties: core.AnnotationProperties = {}): void {
    this.#beginGroup();
    core.error(sanitizeLine(text), properties);
  }

  /** Runs work whose lines in the log form a group. Groups are not nested. */
  async group<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#pendingGroup = name;
    try {
      return await work();
    } finally {
      if (this.#pendingGroup === undefined) core.endGroup();
      this.#pendingGroup = undefined;
    }
  }

  #beginGroup(): void {
    if (this.#pendingGroup === undefined) return;
    core.startGroup(this.#pendingGroup);
    this.#pendingGroup = undefined;
  }

  /** Sets the line that ends the log of this part, after the error if it fails. */
  setLastLine(text: string): void {
    this.#lastLine = text;
  }

  /**
   * Runs the main or the post part. An error fails the step, and its message becomes an annotation.
   * @returns the exit code of the process
   */
  async run(entrypoint: (runtime: ActionsRuntime) => Promise<void>): Promise<number> {
    try {
      await entrypoint(this);
      return 0;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      const url = this.errorUrl(error);
      core.error(sanitizeLine(url === undefined ? error.message : `${error.message}\nSee ${url}`));
      // With those of its causes: an `unexpected` error was only wrapped where its own stack begins.
      const stacks = walkErrors(error).map((each) => (each instanceof Error ? (each.stack ?? '') : ''));
      this.debug(stacks.map((stack) => sanitizeText(stack, MAX_STACK_LENGTH)).join('\n'));
      return core.ExitCode.Failure;
    } finally {
      if (this.#lastLine !== undefined) this.info(this.#lastLine);
    }
  }

  setOutput(name: string, value: string): void {
    appendKeyValue('GITHUB_OUTPUT', name, value);
  }

  exportVariable(name: string, value: string): void {
    process.env[name] = value;
    appendKeyValue('GITHUB_ENV', name, value);
  }

  /** Saves a value as JSON for `post`, which gets it even if this process is killed right after. */
  saveState(name: string, value: unknown): void {
    this.#state.set(name, value);
    appendKeyValue('GITHUB_STATE', name, JSON.stringify(value));
  }

  /** Replaces the content of the state file with the values saved by this process. */
  rewriteState(): void {
    const path = commandFilePath('GITHUB_STATE');
    if (path !== undefined) writeFileSync(path, '');
    for (const [name, value] of this.#state) this.saveState(name, value);
  }

  /**
   * Repairs the runner's files after a command that could write to them. An incomplete last line is completed, because
   * the next write would continue it. Anything other than a regular file is replaced: a write to a pipe without a
   * reader would block.
   */
  repairCommandFiles(): void {
    for (const name of ['GITHUB_STATE', 'GITHUB_OUTPUT', 'GITHUB_ENV', 'GITHUB_STEP_SUMMARY']) {
      const path = process.env[name];
      if (!path) continue;
      if (!isRegularFile(path)) {
        rmSync(path, { recursive: true, force: true });
        writeFileSync(path, '', { flag: 'wx' });
        this.warning(
          `${name} no longer named a regular file. The file was created again; its content is lost.`,
        );
      } else if (lastByte(path) !== NEWLINE_BYTE) appendFileSync(path, '\n');
    }
  }

  /** The text that this step's main part saved last under this name; empty if it saved none. */
  readState(name: string): string {
    return core.getState(name);
  }

  /** Appends Markdown to the job's summary. */
  appendSummary(markdown: string): void {
    const path = commandFilePath('GITHUB_STEP_SUMMARY');
    if (path !== undefined) appendFileSync(path, `${markdown}\n`);
  }

  get canRequestIdToken(): boolean {
    return Boolean(
      process.env['ACTIONS_ID_TOKEN_REQUEST_URL'] && process.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'],
    );
  }

  /**
   * Requests the token that the next {@link requestIdToken} for this audience returns, so that GitHub answers while the
   * libraries are loaded. Returns when the request has been sent, because loading delays what a connection needs, and after
   * {@link SEND_LIMIT_MS} at the latest. A failure is thrown by {@link requestIdToken}.
   */
  async prefetchIdToken(audience: string): Promise<void> {
    const { promise: sent, resolve } = Promise.withResolvers<void>();
    const token = this.#fetchIdToken(audience, resolve);
    this.#prefetchedIdToken = { audience, token, requestedAt: performance.now() };
    const isOver = Promise.race([sent, token.then(() => {})]);
    await withTimeout(SEND_LIMIT_MS, () => new Error('not sent yet'), isOver).catch(() => {});
  }

  /** A fresh OIDC token of this job, which is masked. @throws IdTokenError */
  async requestIdToken(audience: string): Promise<string> {
    const prefetched = this.#prefetchedIdToken;
    this.#prefetchedIdToken = undefined;
    const isUsable =
      prefetched?.audience === audience && performance.now() - prefetched.requestedAt < PREFETCHED_TOKEN_MS;
    return isUsable ? await prefetched.token : await this.#fetchIdToken(audience);
  }

  async #fetchIdToken(audience: string, onSent?: () => void): Promise<string> {
    const { requestIdToken } = await import('./id-token.ts');
    const log = {
      info: (text: string) => this.info(text),
      debug: (text: string) => this.debug(text),
    };
    const token = await requestIdToken(audience, process.env, log, onSent);
    this.mask(token);
    return token;
  }

  /** URL of this run; undefined outside a workflow. */
  get runUrl(): string | undefined {
    const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = process.env;
    return server && repository && run ? `${server}/${repository}/actions/runs/${run}` : undefined;
  }

  /**
   * URL of a file of the action's own repository, in the version that runs. Undefined if GitHub does not name the repository, as
   * for `uses: ./`, or if it is not surely on this server: GitHub Enterprise Server can take actions from github.com.
   * @param path with a fragment, such as `docs/pull-requests.md#forks`
   */
  documentationUrl(path: string): string | undefined {
    const {
      GITHUB_SERVER_URL: server,
      GITHUB_ACTION_REPOSITORY: repository = '',
      GITHUB_ACTION_REF: ref = '',
    } = process.env;
    const isComplete = /^[\w.-]+\/[\w.-]+$/.test(repository) && /^[\w./-]+$/.test(ref);
    return server === 'https://github.com' && isComplete
      ? `${server}/${repository}/blob/${ref}/${path}`
      : undefined;
  }

  /** URL of the documentation about an error; undefined for one outside the catalog, or as for {@link documentationUrl}. */
  errorUrl(error: unknown): string | undefined {
    return error instanceof ActionError
      ? this.documentationUrl(`docs/troubleshooting.md#${error.code}`)
      : undefined;
  }

  /** Path of the workflow file in its repository; undefined outside a workflow. */
  get workflowFile(): string | undefined {
    return /^[^/]+\/[^/]+\/(.+?)@/.exec(process.env['GITHUB_WORKFLOW_REF'] ?? '')?.[1];
  }

  /** The event that triggered this workflow. */
  get event(): WorkflowEvent {
    this.#event ??= parseEvent(readEventPayload(process.env['GITHUB_EVENT_PATH']), process.env);
    return this.#event;
  }

  /** The ids in the name of this run's temporary firewall rule; `0` for each that is unknown. */
  get runIdentity(): RunIdentity {
    const { GITHUB_RUN_ID: run = '', GITHUB_RUN_ATTEMPT: attempt = '' } = process.env;
    return {
      repositoryId: numericOrZero(this.event.repository.id),
      runId: numericOrZero(run),
      runAttempt: numericOrZero(attempt),
    };
  }

  /** `application_name` of the action's PostgreSQL sessions. */
  get applicationName(): string {
    const {
      GITHUB_REPOSITORY: repository = '',
      GITHUB_RUN_ID: run = '',
      GITHUB_RUN_ATTEMPT: attempt = '',
    } = process.env;
    return `azure-postgresql-action ${repository.slice(-24)} run ${run}/${attempt}`;
  }
}

/** Milliseconds for the connection to the service of OIDC tokens, before the run goes on without it. */
const SEND_LIMIT_MS = 300;

/** Milliseconds for which a prefetched OIDC token is used; it is valid for five minutes. */
const PREFETCHED_TOKEN_MS = 60_000;

/** Characters of one log line or annotation; more than any error of the catalog has. */
const MAX_LINE_LENGTH = 120_000;

/** Characters of the stack of one error; its message precedes it. */
const MAX_STACK_LENGTH = 10_000;

const sanitizeLine = (text: string): string => sanitizeText(text, MAX_LINE_LENGTH);

/** Bytes of a webhook's payload: GitHub sends 25 MB at most. */
const MAX_PAYLOAD_BYTES = 32 * 2 ** 20;

const NEWLINE_BYTE = 10;

/** Path in a variable of the runner, if it is a regular file. */
function commandFilePath(name: string): string | undefined {
  const path = process.env[name];
  return path && isRegularFile(path) ? path : undefined;
}

const isRegularFile = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** Last byte of a file; a line break if the file is empty. */
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

/** The webhook payload; empty outside a workflow. */
function readEventPayload(path = ''): object {
  if (!existsSync(path)) return {};
  const payload = readFileWithLimit(path, MAX_PAYLOAD_BYTES);
  if (typeof payload === 'number')
    throw new Error(
      `The event payload in GITHUB_EVENT_PATH has more than ${MAX_PAYLOAD_BYTES} bytes, which GitHub never sends. Check which step changed it.`,
    );
  return JSON.parse(payload.toString('utf8'));
}

const numericOrZero = (text: string): string => (/^\d{1,20}$/.test(text) ? text : '0');

/**
 * Escapes workflow commands: the runner reads `::` at the beginning of a line, after white space as .NET defines it (with
 * U+0085), and `##[` anywhere in a line.
 */
const escapeCommands = (text: string): string =>
  text.replace(/^([\s\u0085]*)::/gm, (_, space) => `${space}: ::`).replaceAll('##[', '# #[');

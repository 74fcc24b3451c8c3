/** A workflow command that a step printed: `::name key=value,key=value::data`. */
export interface WorkflowCommand {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly data: string;
}

export type AnnotationLevel = 'error' | 'warning' | 'notice';

/** The effects of a step's workflow commands. */
export interface CommandHandlers {
  addMask(secret: string): void;
  annotate(level: AnnotationLevel, message: string, properties: Readonly<Record<string, string>>): void;
  debug(message: string): void;
  group(title: string): void;
  endGroup(): void;
  setOutput(name: string, value: string): void;
  saveState(name: string, value: string): void;
  /** Prints a line that is not a command. */
  print(text: string): void;
}

const COMMAND_NAMES = new Set([
  'add-mask',
  'add-matcher',
  'add-path',
  'debug',
  'echo',
  'endgroup',
  'error',
  'group',
  'notice',
  'remove-matcher',
  'save-state',
  'set-env',
  'set-output',
  'stop-commands',
  'warning',
]);

// '%25' is last, so that an escaped '%0A' does not become a line break.
function unescapeData(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}

function unescapeProperty(text: string): string {
  return unescapeData(text.replaceAll('%3A', ':').replaceAll('%2C', ','));
}

function parseProperties(text: string): Record<string, string> {
  const properties: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=');
    if (equals > 0) properties[pair.slice(0, equals).trim()] = unescapeProperty(pair.slice(equals + 1));
  }
  return properties;
}

function splitCommand(line: string): { info: string; data: string } | undefined {
  const [, info, data] = /^\s*::(.*?)::(.*)$/s.exec(line) ?? /^.*?##\[(.*?)\](.*)$/s.exec(line) ?? [];
  return info === undefined || data === undefined ? undefined : { info, data };
}

/**
 * Parses a line as a workflow command, in the form `::name …::data` or the older `##[name …]data`.
 * @param known the names of commands, in lower case.
 * @returns undefined for any other line, and for a command that is not in `known`.
 */
export function parseCommand(line: string, known: ReadonlySet<string>): WorkflowCommand | undefined {
  const parts = splitCommand(line);
  if (parts === undefined) return undefined;
  const [name = '', ...rest] = parts.info.split(' ');
  if (!known.has(name.toLowerCase())) return undefined;
  return {
    name: name.toLowerCase(),
    properties: parseProperties(rest.join(' ').trim()),
    data: unescapeData(parts.data),
  };
}

class CommandError extends Error {
  override readonly name = 'CommandError';
}

function requireProperty(command: WorkflowCommand, property: string): string {
  const value = command.properties[property];
  if (!value) {
    throw new CommandError(
      `'::${command.name}::' needs the property '${property}'; write '::${command.name} ${property}=…::…'.`,
    );
  }
  return value;
}

const REPLACEMENT_FILES: Readonly<Record<string, string>> = {
  'set-env': 'GITHUB_ENV',
  'add-path': 'GITHUB_PATH',
  'set-output': 'GITHUB_OUTPUT',
  'save-state': 'GITHUB_STATE',
};

function replacementHint(command: WorkflowCommand): string {
  return `write to the file that ${REPLACEMENT_FILES[command.name]} names instead`;
}

function rejectCommand(command: WorkflowCommand): never {
  throw new CommandError(`it is disabled, because any output could forge it; ${replacementHint(command)}.`);
}

/** Executes the workflow commands in a step's output; stop-commands lasts until its token or the end of the step. */
export class CommandProcessor {
  readonly #handlers: CommandHandlers;
  #stopToken: string | undefined;
  #failed = false;

  constructor(handlers: CommandHandlers) {
    this.#handlers = handlers;
  }

  /** True after a command failed. As on GitHub, the step then fails regardless of its exit code. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Executes the line if it is a command, otherwise prints it. */
  process(line: string): void {
    if (this.#stopToken !== undefined) {
      if (parseCommand(line, new Set([this.#stopToken.toLowerCase()])) !== undefined) {
        this.#stopToken = undefined;
      }
      this.#handlers.print(line);
      return;
    }
    const command = parseCommand(line, COMMAND_NAMES);
    if (command === undefined) {
      this.#handlers.print(line);
      return;
    }
    try {
      this.#execute(command, line);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#failed = true;
      this.#handlers.annotate('error', `Unable to process command '${command.name}': ${error.message}`, {});
    }
  }

  #execute(command: WorkflowCommand, line: string): void {
    const target = this.#handlers;
    const actions: Readonly<Record<string, () => void>> = {
      'add-mask': () => this.#addMask(command),
      'stop-commands': () => this.#stopCommands(command, line),
      error: () => target.annotate('error', command.data, command.properties),
      warning: () => target.annotate('warning', command.data, command.properties),
      notice: () => target.annotate('notice', command.data, command.properties),
      debug: () => target.debug(command.data),
      group: () => target.group(command.data),
      endgroup: () => target.endGroup(),
      'set-output': () => target.setOutput(this.#warnDeprecated(command), command.data),
      'save-state': () => target.saveState(this.#warnDeprecated(command), command.data),
      'set-env': () => rejectCommand(command),
      'add-path': () => rejectCommand(command),
    };
    const action = actions[command.name];
    if (action === undefined) target.debug(`'${command.name}' has no effect in this runner.`);
    else action();
  }

  #addMask(command: WorkflowCommand): void {
    if (command.data.trim() === '') {
      this.#handlers.annotate('warning', 'add-mask without a value masks nothing.', {});
    } else {
      this.#handlers.addMask(command.data);
    }
  }

  #stopCommands(command: WorkflowCommand, line: string): void {
    const token = command.data;
    if (token === '' || COMMAND_NAMES.has(token.toLowerCase())) {
      throw new CommandError(
        `with the token '${token}' any output could resume the commands; use a random token.`,
      );
    }
    // Output that contains the token resumes the commands, so the log must not show it. GitHub masks it from this length on.
    if (token.length > 6) this.#handlers.addMask(token);
    this.#handlers.print(line);
    this.#stopToken = token;
  }

  /** Returns the name that the command sets. */
  #warnDeprecated(command: WorkflowCommand): string {
    this.#handlers.annotate('warning', `'${command.name}' is deprecated; ${replacementHint(command)}.`, {});
    return requireProperty(command, 'name');
  }
}

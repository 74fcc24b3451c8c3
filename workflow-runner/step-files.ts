import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { EOL } from 'node:os';
import { join } from 'node:path';

/** A file that a step wrote has an invalid format; the message states where and why. */
export class FileFormatError extends Error {
  override readonly name = 'FileFormatError';
}

function findDelimiter(lines: readonly string[], from: number, delimiter: string): number {
  const end = lines.indexOf(delimiter, from);
  if (end < 0) {
    throw new FileFormatError(
      `Matching delimiter not found '${delimiter}'; end the value with a line that contains only the delimiter.`,
    );
  }
  return end;
}

/**
 * Parses GITHUB_ENV, GITHUB_OUTPUT or GITHUB_STATE: `name=value`, or `name<<DELIMITER`, the value's lines and
 * `DELIMITER`. A name can occur more than once.
 * @throws {FileFormatError} for any other line that is not empty, and for a value without its closing delimiter.
 */
export function parseKeyValues(text: string): [name: string, value: string][] {
  const entries: [string, string][] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (line === '') continue;
    const separator = /<<|=/.exec(line);
    if (separator === null) {
      throw new FileFormatError(`Invalid format '${line}'; write name=value, or name<<DELIMITER.`);
    }
    const name = line.slice(0, separator.index);
    const rest = line.slice(separator.index + separator[0].length);
    if (name === '' || (separator[0] === '<<' && rest === '')) {
      throw new FileFormatError(`Invalid format '${line}'; the name and the delimiter must not be empty.`);
    }
    if (separator[0] === '=') {
      entries.push([name, rest]);
    } else {
      const end = findDelimiter(lines, index + 1, rest);
      entries.push([name, lines.slice(index + 1, end).join('\n')]);
      index = end;
    }
  }
  return entries;
}

/** What a step wrote to its files. */
export interface FileCommands {
  readonly env: readonly (readonly [string, string])[];
  readonly output: readonly (readonly [string, string])[];
  readonly state: readonly (readonly [string, string])[];
  readonly path: readonly string[];
  readonly summary: string;
  /** A message for each entry that is ignored; the step does not fail. */
  readonly rejected: readonly string[];
  /** A message for each file with a format error; the step fails. */
  readonly errors: readonly string[];
}

// Node would load the modules that it names in every later step. GitHub's runner ignores only this name, in any case.
const FORBIDDEN_VARIABLES = new Set(['NODE_OPTIONS']);
const MAX_SUMMARY_BYTES = 1024 * 1024;

type StepFilePaths = Readonly<Record<'env' | 'output' | 'state' | 'path' | 'summary', string>>;

/** The files that a step can write to; each step gets new, empty ones. */
export class StepFiles {
  readonly env: Readonly<Record<string, string>>;
  readonly #paths: StepFilePaths;

  private constructor(paths: StepFilePaths) {
    this.#paths = paths;
    this.env = {
      GITHUB_ENV: paths.env,
      GITHUB_OUTPUT: paths.output,
      GITHUB_STATE: paths.state,
      GITHUB_PATH: paths.path,
      GITHUB_STEP_SUMMARY: paths.summary,
    };
  }

  /** Creates the files in a folder of the runner's temporary directory. */
  static async create(temporary: string): Promise<StepFiles> {
    const folder = join(temporary, '_runner_file_commands');
    const id = randomUUID();
    const path = (prefix: string) => join(folder, `${prefix}_${id}`);
    const paths = {
      env: path('set_env'),
      output: path('set_output'),
      state: path('save_state'),
      path: path('add_path'),
      summary: path('step_summary'),
    };
    await mkdir(folder, { recursive: true });
    await Promise.all(Object.values(paths).map((file) => writeFile(file, '')));
    return new StepFiles(paths);
  }

  /** Reads the files and removes them. A file that the step has deleted counts as empty. */
  async readAndRemove(): Promise<FileCommands> {
    // @actions/core ends lines as the system does.
    const read = async (file: string) => (await readFile(file, 'utf8').catch(() => '')).replaceAll(EOL, '\n');
    const errors: string[] = [];
    const entries = async (name: string, file: string) => {
      try {
        return parseKeyValues(await read(file));
      } catch (error) {
        if (!(error instanceof FileFormatError)) throw error;
        errors.push(`Unable to process file command '${name}'. ${error.message}`);
        return [];
      }
    };
    const env = await entries('env', this.#paths.env);
    const [allowed, forbidden] = [
      env.filter(([name]) => !FORBIDDEN_VARIABLES.has(name.toUpperCase())),
      env.filter(([name]) => FORBIDDEN_VARIABLES.has(name.toUpperCase())),
    ];
    const commands = {
      env: allowed,
      output: await entries('output', this.#paths.output),
      state: await entries('state', this.#paths.state),
      path: (await read(this.#paths.path)).split(/\r?\n/).filter((line) => line !== ''),
      summary: await read(this.#paths.summary),
      rejected: forbidden.map(
        ([name]) => `${name} cannot be set through GITHUB_ENV; set it in the step's 'env:'.`,
      ),
      errors,
    };
    await Promise.all(Object.values(this.#paths).map((file) => rm(file, { force: true, recursive: true })));
    return this.#limitSummary(commands);
  }

  #limitSummary(commands: FileCommands): FileCommands {
    const size = Buffer.byteLength(commands.summary);
    if (size <= MAX_SUMMARY_BYTES) return commands;
    const kibibytes = Math.ceil(size / 1024);
    const message = `The step summary is ignored: it has ${kibibytes} KiB, and the limit is 1024 KiB.`;
    return { ...commands, summary: '', rejected: [...commands.rejected, message] };
  }
}

import { stripVTControlCharacters } from 'node:util';
import type { SecretMasker } from './secret-masker.ts';
import type { AnnotationLevel } from './workflow-commands.ts';

const COLOR_CODES = { bold: 1, red: 31, green: 32, yellow: 33, cyan: 36, grey: 90 } as const;

type Color = keyof typeof COLOR_CODES;

/** An annotation as the run's page lists it, already masked. */
export interface Annotation {
  readonly level: AnnotationLevel;
  readonly message: string;
  readonly title: string | undefined;
  /** `path:line` where the annotation names a file. */
  readonly location: string | undefined;
}

const ANNOTATION_STYLES: Readonly<
  Record<AnnotationLevel, { readonly label: string; readonly colour: Color }>
> = {
  error: { label: 'Error', colour: 'red' },
  warning: { label: 'Warning', colour: 'yellow' },
  notice: { label: 'Notice', colour: 'cyan' },
};

function annotationLocation(properties: Readonly<Record<string, string>>): string | undefined {
  const { file, line } = properties;
  return file && line ? `${file}:${line}` : file || undefined;
}

/** Milliseconds as people read them: `340 ms`, `2.1 s`, `1 m 5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
}

/** The run's log as a person reads it: each line masked before it is written, groups and steps indented. */
export class RunLog {
  readonly annotations: Annotation[] = [];
  readonly #write: (line: string) => void;
  readonly #masker: SecretMasker;
  readonly #useColor: boolean;
  #depth = 0;
  #groups = 0;

  /**
   * @param write takes one line without its end.
   * @param useColor whether colours are written, and those in steps' output kept.
   */
  constructor(write: (line: string) => void, masker: SecretMasker, useColor: boolean) {
    this.#write = write;
    this.#masker = masker;
    this.#useColor = useColor;
  }

  #colorize(text: string, colour: Color | undefined): string {
    return colour !== undefined && this.#useColor ? `\x1b[${COLOR_CODES[colour]}m${text}\x1b[0m` : text;
  }

  /** Prints text, each line of it at the present indentation. */
  print(text: string, colour?: Color): void {
    const indent = '  '.repeat(this.#depth + this.#groups);
    for (const each of text.split(/\r?\n/)) {
      // A line that redraws itself (a progress bar) shows its last state, as it would on a terminal.
      const shown = each.split('\r').findLast((part) => part !== '') ?? '';
      const masked = this.#masker.mask(this.#useColor ? shown : stripVTControlCharacters(shown));
      this.#write(masked === '' ? '' : `${indent}${this.#colorize(masked, colour)}`);
    }
  }

  /** Opens a group; groups do not nest at GitHub, so an open one ends. */
  group(title: string): void {
    this.endGroup();
    this.print(`▼ ${title}`);
    this.#groups = 1;
  }

  endGroup(): void {
    this.#groups = 0;
  }

  /** Prints an annotation and keeps it for the end of the log. */
  annotate(level: AnnotationLevel, message: string, properties: Readonly<Record<string, string>> = {}): void {
    const { label, colour } = ANNOTATION_STYLES[level];
    this.print(`${label}: ${message}`, colour);
    const title = properties['title'];
    this.annotations.push({
      level,
      message: this.#masker.mask(message),
      title: title === undefined ? undefined : this.#masker.mask(title),
      location: annotationLocation(properties),
    });
  }

  /** Prints a heading; what follows stands below it, until {@link closeSection}. */
  openSection(heading: string): void {
    this.endGroup();
    this.print(heading, 'bold');
    this.#depth += 1;
  }

  closeSection(): void {
    this.endGroup();
    this.#depth -= 1;
  }

  printBlankLine(): void {
    this.#write('');
  }

  /** Lists the annotations, with titles and places, which the log's lines do not show. */
  printAnnotations(): void {
    if (this.annotations.length === 0) return;
    this.printBlankLine();
    this.openSection('Annotations');
    for (const { level, message, title, location: where } of this.annotations) {
      const { label, colour } = ANNOTATION_STYLES[level];
      this.print(
        [`${label}:`, where && `${where}:`, title && `${title}:`, message].filter(Boolean).join(' '),
        colour,
      );
    }
    this.closeSection();
  }
}

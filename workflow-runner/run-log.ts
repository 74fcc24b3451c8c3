import { stripVTControlCharacters } from 'node:util';
import type { SecretMasker } from './secret-masker.ts';
import type { AnnotationLevel } from './workflow-commands.ts';

const COLOR_CODES = { bold: 1, red: 31, green: 32, yellow: 33, cyan: 36, grey: 90 } as const;

type Color = keyof typeof COLOR_CODES;

/** An annotation as the run's page on GitHub lists it, masked. */
export interface Annotation {
  readonly level: AnnotationLevel;
  readonly message: string;
  readonly title: string | undefined;
  /** `path:line`, or `path`; undefined if the annotation names no file. */
  readonly location: string | undefined;
}

const ANNOTATION_STYLES: Readonly<
  Record<AnnotationLevel, { readonly label: string; readonly color: Color }>
> = {
  error: { label: 'Error', color: 'red' },
  warning: { label: 'Warning', color: 'yellow' },
  notice: { label: 'Notice', color: 'cyan' },
};

function annotationLocation(properties: Readonly<Record<string, string>>): string | undefined {
  const { file, line } = properties;
  return file && line ? `${file}:${line}` : file || undefined;
}

/** Formats milliseconds: `340 ms`, `2.1 s`, `1 m 5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
}

/** The run's log: masks each line before it is written, and indents groups and steps. */
export class RunLog {
  readonly annotations: Annotation[] = [];
  readonly #write: (line: string) => void;
  readonly #masker: SecretMasker;
  readonly #useColor: boolean;
  #depth = 0;
  #groups = 0;

  /**
   * @param write gets one line without its line break.
   * @param useColor whether to write colors and to keep those in the steps' output.
   */
  constructor(write: (line: string) => void, masker: SecretMasker, useColor: boolean) {
    this.#write = write;
    this.#masker = masker;
    this.#useColor = useColor;
  }

  #colorize(text: string, color: Color | undefined): string {
    return color !== undefined && this.#useColor ? `\x1b[${COLOR_CODES[color]}m${text}\x1b[0m` : text;
  }

  /** Prints each line of a text with the current indentation. */
  print(text: string, color?: Color): void {
    const indent = '  '.repeat(this.#depth + this.#groups);
    for (const each of text.split(/\r?\n/)) {
      // A terminal shows only the last state of a line that is redrawn (a progress bar).
      const visible = each.split('\r').findLast((part) => part !== '') ?? '';
      const masked = this.#masker.mask(this.#useColor ? visible : stripVTControlCharacters(visible));
      this.#write(masked === '' ? '' : `${indent}${this.#colorize(masked, color)}`);
    }
  }

  /** Opens a group. Groups do not nest on GitHub, so this ends an open one. */
  group(title: string): void {
    this.endGroup();
    this.print(`▼ ${title}`);
    this.#groups = 1;
  }

  endGroup(): void {
    this.#groups = 0;
  }

  /** Prints an annotation and records it for {@link printAnnotations}. */
  annotate(level: AnnotationLevel, message: string, properties: Readonly<Record<string, string>> = {}): void {
    const { label, color } = ANNOTATION_STYLES[level];
    this.print(`${label}: ${message}`, color);
    const title = properties['title'];
    this.annotations.push({
      level,
      message: this.#masker.mask(message),
      title: title === undefined ? undefined : this.#masker.mask(title),
      location: annotationLocation(properties),
    });
  }

  /** Prints a heading and indents what follows, until {@link closeSection}. */
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

  /** Lists the annotations with title and location, which their lines in the log do not show. */
  printAnnotations(): void {
    if (this.annotations.length === 0) return;
    this.printBlankLine();
    this.openSection('Annotations');
    for (const { level, message, title, location } of this.annotations) {
      const { label, color } = ANNOTATION_STYLES[level];
      this.print(
        [`${label}:`, location && `${location}:`, title && `${title}:`, message].filter(Boolean).join(' '),
        color,
      );
    }
    this.closeSection();
  }
}

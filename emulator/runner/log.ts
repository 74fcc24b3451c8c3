import { stripVTControlCharacters } from 'node:util';
import type { AnnotationKind } from './commands.ts';
import type { SecretMasker } from './masks.ts';

const colours = { bold: 1, red: 31, green: 32, yellow: 33, cyan: 36, grey: 90 } as const;

type Colour = keyof typeof colours;

/** An annotation as the run's page lists it, already masked. */
export interface Annotation {
  readonly kind: AnnotationKind;
  readonly message: string;
  readonly title: string | undefined;
  /** `path:line` where the annotation names a file. */
  readonly place: string | undefined;
}

const labels: Readonly<Record<AnnotationKind, { readonly label: string; readonly colour: Colour }>> = {
  error: { label: 'Error', colour: 'red' },
  warning: { label: 'Warning', colour: 'yellow' },
  notice: { label: 'Notice', colour: 'cyan' },
};

function place(properties: Readonly<Record<string, string>>): string | undefined {
  const { file, line } = properties;
  return file && line ? `${file}:${line}` : file || undefined;
}

/** Milliseconds as people read them: `340 ms`, `2.1 s`, `1 m 5 s`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
}

/** The run's log as a person reads it: each line masked before it is written, groups and steps indented. */
export class Log {
  readonly annotations: Annotation[] = [];
  readonly #write: (line: string) => void;
  readonly #masker: SecretMasker;
  readonly #coloured: boolean;
  #depth = 0;
  #groups = 0;

  /**
   * @param write takes one line without its end.
   * @param coloured whether colours are written, and those in steps' output kept.
   */
  constructor(write: (line: string) => void, masker: SecretMasker, coloured: boolean) {
    this.#write = write;
    this.#masker = masker;
    this.#coloured = coloured;
  }

  #paint(text: string, colour: Colour | undefined): string {
    return colour !== undefined && this.#coloured ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text;
  }

  /** Prints text, each line of it at the present indentation. */
  line(text: string, colour?: Colour): void {
    const indent = '  '.repeat(this.#depth + this.#groups);
    for (const each of text.split(/\r?\n/)) {
      // A line that redraws itself (a progress bar) shows its last state, as it would on a terminal.
      const shown = each.split('\r').findLast((part) => part !== '') ?? '';
      const masked = this.#masker.mask(this.#coloured ? shown : stripVTControlCharacters(shown));
      this.#write(masked === '' ? '' : `${indent}${this.#paint(masked, colour)}`);
    }
  }

  /** Opens a group; groups do not nest at GitHub, so an open one ends. */
  group(title: string): void {
    this.endGroup();
    this.line(`▼ ${title}`);
    this.#groups = 1;
  }

  endGroup(): void {
    this.#groups = 0;
  }

  /** Prints an annotation and keeps it for the end of the log. */
  annotate(kind: AnnotationKind, message: string, properties: Readonly<Record<string, string>> = {}): void {
    const { label, colour } = labels[kind];
    this.line(`${label}: ${message}`, colour);
    const title = properties['title'];
    this.annotations.push({
      kind,
      message: this.#masker.mask(message),
      title: title === undefined ? undefined : this.#masker.mask(title),
      place: place(properties),
    });
  }

  /** Prints a heading; what follows stands below it, until {@link close}. */
  open(heading: string): void {
    this.endGroup();
    this.line(heading, 'bold');
    this.#depth += 1;
  }

  close(): void {
    this.endGroup();
    this.#depth -= 1;
  }

  blank(): void {
    this.#write('');
  }

  /** Lists the annotations, with titles and places, which the log's lines do not show. */
  listAnnotations(): void {
    if (this.annotations.length === 0) return;
    this.blank();
    this.open('Annotations');
    for (const { kind, message, title, place: where } of this.annotations) {
      const { label, colour } = labels[kind];
      this.line(
        [`${label}:`, where && `${where}:`, title && `${title}:`, message].filter(Boolean).join(' '),
        colour,
      );
    }
    this.close();
  }
}

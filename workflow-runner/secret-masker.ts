const MASK = '***';

function base64FromByte(value: string, skip: number): string {
  const bytes = Buffer.from(value);
  return (bytes.length > skip ? bytes.subarray(skip) : bytes).toString('base64');
}

function escapeXml(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');
}

function withoutDoubleQuotes(value: string): string {
  return value.length > 8 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

// The runner's own encoder also escapes !'()*, encodeURIComponent does not.
function escapeUri(value: string): string {
  const percentEncode = (text: string) => `%${text.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(value.toWellFormed()).replace(/[!'()*]/g, percentEncode);
}

/**
 * The encodings in which GitHub's runner masks a secret, by its value encoders. Without the two for PowerShell's
 * colored error messages, which nothing here prints.
 */
const SECRET_ENCODERS: readonly ((value: string) => string)[] = [
  (value) => value,
  (value) => base64FromByte(value, 0),
  (value) => base64FromByte(value, 1),
  (value) => base64FromByte(value, 2),
  (value) => value.replaceAll('"', '\\"'),
  (value) => value.replaceAll("'", "''"),
  (value) => JSON.stringify(value).slice(1, -1),
  escapeUri,
  (value) => encodeURIComponent(value.toWellFormed()),
  escapeXml,
  withoutDoubleQuotes,
];

interface TextRange {
  readonly start: number;
  readonly end: number;
}

function findOccurrences(text: string, value: string): TextRange[] {
  const found: TextRange[] = [];
  for (let start = text.indexOf(value); start >= 0; start = text.indexOf(value, start + 1)) {
    found.push({ start, end: start + value.length });
  }
  return found;
}

// Overlapping and adjacent occurrences become one mask, so that the number of masks reveals nothing.
function mergeRanges(ranges: readonly TextRange[]): TextRange[] {
  const merged: TextRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && range.start <= last.end) {
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    } else {
      merged.push(range);
    }
  }
  return merged;
}

/** Replaces the run's secrets in text that is about to be printed, as GitHub's runner does. */
export class SecretMasker {
  readonly #values = new Set<string>();

  /** Masks a secret from now on: the whole value and each of its lines, in all encodings. */
  add(secret: string): void {
    for (const value of [secret, ...secret.split(/[\r\n]+/)]) {
      if (value.trim() === '') continue;
      for (const encode of SECRET_ENCODERS) this.#values.add(encode(value));
    }
  }

  /** The text with every known secret replaced by `***`. */
  mask(text: string): string {
    const ranges = mergeRanges([...this.#values].flatMap((value) => findOccurrences(text, value)));
    let masked = '';
    let from = 0;
    for (const { start, end } of ranges) {
      masked += text.slice(from, start) + MASK;
      from = end;
    }
    return masked + text.slice(from);
  }

  /** True if {@link mask} would change the text. */
  containsSecret(text: string): boolean {
    return this.mask(text) !== text;
  }
}

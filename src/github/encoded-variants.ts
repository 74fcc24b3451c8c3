import { escapeDotenvValue, percentEncode } from '../common/encoding.ts';
import { lazyPattern } from '../common/lazy-pattern.ts';
import { replaceControlCharacters } from '../common/sanitize.ts';

/**
 * Every encoding in which a secret may appear in a log: raw (the first item), each of {@link ENCODERS}, and each line of
 * these. The runner itself adds Base64.
 */
export function encodedVariants(secret: string): readonly string[] {
  if (UNENCODED.test(secret)) return [secret];
  const encoders = PLAIN_IN_STRINGS.test(secret)
    ? [percentEncode, ...percentEncoders, ...shellEncoders]
    : ENCODERS;
  const parts = [secret, ...splitLines(secret)].filter((part) => part.trim() !== '' || part === secret);
  const variants = parts.flatMap((part) =>
    part === '' ? [] : [part, ...encoders.map((encode) => encode(part))],
  );
  const lines = variants.flatMap(splitLines).filter((line) => line.trim() !== '');
  return [...new Set([...variants, ...lines])];
}

/** Tokens and derived passwords consist of characters that no encoder changes, and a run has many of them. */
const UNENCODED = /^[\w.-]+$/;

/**
 * Only the encoders for URLs and shells change these. The first use of the others compiles dozens of patterns.
 */
const PLAIN_IN_STRINGS = /^[\w.!%()*,:;?@[\]^{|}-]+$/;

const splitLines = (text: string): readonly string[] => text.split(/\r\n|\r|\n/);

type Encoder = (text: string) => string;

const hex = (code: number, length: number): string => code.toString(16).padStart(length, '0');
const upperHex = (code: number, length: number): string => hex(code, length).toUpperCase();

/** A pattern, or one of {@link lazyPattern}. */
type Pattern = RegExp | (() => RegExp);

const toRegExp = (pattern: Pattern): RegExp => (pattern instanceof RegExp ? pattern : pattern());

/** Replaces each match of `pattern` by its code: a character, or without the flag `u` each half of a surrogate pair. */
const escapeCharacters =
  (pattern: Pattern, encode: (code: number) => string): Encoder =>
  (text) =>
    text.replace(toRegExp(pattern), (c) => encode(c.codePointAt(0) ?? 0));

/** Replaces each byte of UTF-8 of the characters that `pattern` matches. */
const escapeBytes =
  (pattern: Pattern, encode: (byte: number) => string): Encoder =>
  (text) =>
    text.replace(toRegExp(pattern), (c) => [...Buffer.from(c)].map(encode).join(''));

const pipe =
  (...encoders: readonly Encoder[]): Encoder =>
  (text) =>
    encoders.reduce((result, encode) => encode(result), text);

/** The letters of the escapes of C. */
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
};

/** Escapes the backslash and `quotes` with a backslash, `shortEscapes` by their letter, and other control characters. */
const backslashEscape =
  (quotes: RegExp, shortEscapes: string, control: (code: number) => string): Encoder =>
  (text) =>
    text
      .replaceAll('\\', '\\\\')
      .replace(quotes, '\\$&')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
      .replace(/[\0-\x1f\x7f]/g, (c) =>
        shortEscapes.includes(c) ? `\\${SHORT_ESCAPES[c]}` : control(c.charCodeAt(0)),
      );

const lowerUnicode = (code: number): string => `\\u${hex(code, 4)}`;
const upperUnicode = (code: number): string => `\\u${upperHex(code, 4)}`;
const keep = (code: number): string => String.fromCharCode(code);

/** JSON's escapes as JavaScript writes them; libraries differ in the others. U+007F is a control character for some. */
const json = (control: (code: number) => string, deleteCharacter = keep): Encoder =>
  backslashEscape(/"/g, '\b\t\n\f\r', (code) => (code === 0x7f ? deleteCharacter(code) : control(code)));

const NON_ASCII = /[^\0-\x7f]/g;
const NON_ASCII_CHARACTERS = /[^\0-\x7f]/gu;

/** JSON, by the libraries that write it differently. */
const jsonEncoders: readonly Encoder[] = [
  // JavaScript; Python, PHP and Ruby with unescaped Unicode; .NET's relaxed encoder.
  (text) => JSON.stringify(text).slice(1, -1),
  json(upperUnicode),
  // Python's default, with U+007F.
  pipe(json(lowerUnicode, lowerUnicode), escapeCharacters(NON_ASCII, lowerUnicode)),
  // jq -a, Jackson with ASCII only.
  pipe(json(lowerUnicode), escapeCharacters(NON_ASCII, lowerUnicode)),
  pipe(json(upperUnicode, upperUnicode), escapeCharacters(NON_ASCII, upperUnicode)),
  // PHP's default, and PHP with unescaped Unicode.
  pipe(json(lowerUnicode), (text) => text.replaceAll('/', '\\/'), escapeCharacters(NON_ASCII, lowerUnicode)),
  pipe(json(lowerUnicode), (text) => text.replaceAll('/', '\\/')),
  // Go and Rails. Before Go 1.22, backspace and form feed had no short escape.
  pipe(json(lowerUnicode), escapeCharacters(/[<>&\u2028\u2029]/g, lowerUnicode)),
  pipe(
    backslashEscape(/"/g, '\t\n\r', (code) => (code === 0x7f ? keep(code) : lowerUnicode(code))),
    escapeCharacters(/[<>&\u2028\u2029]/g, lowerUnicode),
  ),
  // Gson, and Windows PowerShell's ConvertTo-Json.
  pipe(json(lowerUnicode), escapeCharacters(/[<>&='\u2028\u2029]/g, lowerUnicode)),
  pipe(json(lowerUnicode), escapeCharacters(/[<>&'\u0085\u2028\u2029]/g, lowerUnicode)),
  // .NET's System.Text.Json.
  pipe(
    backslashEscape(/(?!)/g, '\b\t\n\f\r', upperUnicode),
    escapeCharacters(/["'&<>+`]|[^\0-\x7f]/g, upperUnicode),
  ),
];

/** Percent encodings: the characters that stay plain beside letters and digits, and the one for a space. */
const percentEncoders: readonly Encoder[] = [
  // RFC 3986, JavaScript's encodeURIComponent and encodeURI, Python's quote, Go's for a user and for a path.
  ...['-_.~', "-_.~!'()*", "-_.~!'()*;/?:@&=+$,#", '-_.~/', '-_.~$&+,;=', '-_.~$&+:=@'].map(
    (plain) => [plain, '%20'] as const,
  ),
  // Forms: URLSearchParams, Java and Ruby; Python's quote_plus and Go; PHP; .NET.
  ...['*-._', '-_.~', '-_.', '-_.!*()'].map((plain) => [plain, '+'] as const),
].flatMap(([plain, space]) =>
  [upperHex, hex].map((toHex): Encoder => {
    const pattern = new RegExp(`[^A-Za-z0-9${plain.replace(/[\\\]^-]/g, '\\$&')}]`, 'gu');
    const encode = escapeBytes(pattern, (byte) => `%${toHex(byte, 2)}`);
    return (text) => encode(text).replaceAll('%20', space);
  }),
);

/** HTML and XML: the entities of `<>&` and those of the quotes and other characters, by library. */
const htmlEncoders: readonly Encoder[] = [
  {},
  { '"': '&quot;' },
  // PHP, Python, Ruby, .NET and others, XML.
  { '"': '&quot;', "'": '&#039;' },
  { '"': '&quot;', "'": '&#x27;' },
  { '"': '&quot;', "'": '&#39;' },
  { '"': '&quot;', "'": '&apos;' },
  // Go's html and html/template, Handlebars, Mustache, OWASP.
  { '"': '&#34;', "'": '&#39;' },
  { '"': '&#34;', "'": '&#39;', '+': '&#43;' },
  { '"': '&quot;', "'": '&#x27;', '`': '&#x60;', '=': '&#x3D;' },
  { '"': '&quot;', "'": '&#39;', '/': '&#x2F;', '`': '&#x60;', '=': '&#x3D;' },
  { '"': '&quot;', "'": '&#x27;', '/': '&#x2F;' },
  // Go's XML encoder.
  { '"': '&#34;', "'": '&#39;', '\t': '&#x9;', '\n': '&#xA;', '\r': '&#xD;' },
].flatMap((entities: Readonly<Record<string, string>>) => {
  const all: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', ...entities };
  const escapeHtml: Encoder = (text) => text.replace(/[&<>"'+`=/\t\n\r]/g, (c) => all[c] ?? c);
  // .NET's WebUtility writes Latin-1 and characters outside the basic plane as numbers, others write all of them so.
  return [
    escapeHtml,
    pipe(
      escapeHtml,
      escapeCharacters(/[\xa0-\xff]|[\u{10000}-\u{10ffff}]/gu, (code) => `&#${code};`),
    ),
    pipe(
      escapeHtml,
      escapeCharacters(NON_ASCII_CHARACTERS, (code) => `&#${code};`),
    ),
  ];
});

const pythonUnicode = (code: number): string =>
  code < 0x100 ? `\\x${hex(code, 2)}` : code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;

/** Characters that Python and Go do not print: other than letters, marks, numbers, punctuation, symbols and space. */
const UNPRINTABLE = lazyPattern('[^\\0-\\x7f\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]', 'gu');
/** Ruby and bash also print characters for private use. */
const UNPRINTABLE_EXCEPT_PRIVATE = lazyPattern('[^\\0-\\x7f\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Co}]', 'gu');

/** String literals of programming languages, as their debug output writes them. */
const literalEncoders: readonly Encoder[] = [
  // Python's repr, ascii and bytes; also Node's inspect. The quote that delimits the literal is escaped, the other is not.
  ...[/'/g, /(?!)/g].flatMap((quotes) => {
    const escapeAscii = backslashEscape(quotes, '\t\n\r', pythonUnicode);
    return [
      pipe(escapeAscii, escapeCharacters(UNPRINTABLE, pythonUnicode)),
      pipe(escapeAscii, escapeCharacters(NON_ASCII_CHARACTERS, pythonUnicode)),
      pipe(
        escapeAscii,
        escapeBytes(NON_ASCII_CHARACTERS, (byte) => `\\x${hex(byte, 2)}`),
      ),
      pipe(
        backslashEscape(quotes, '\b\t\n\f\r', (code) => `\\x${upperHex(code, 2)}`),
        // C1 control characters, as Node's inspect writes them.
        escapeCharacters(/[\x80-\x9f]/g, (code) => `\\x${upperHex(code, 2)}`),
      ),
    ];
  }),
  // Ruby's inspect and dump.
  ...[UNPRINTABLE_EXCEPT_PRIVATE, NON_ASCII_CHARACTERS].map((characters) =>
    pipe(
      backslashEscape(/"|#(?=[{$@])/g, '\x07\b\t\n\v\f\r\x1b', (code) => `\\x${upperHex(code, 2)}`),
      escapeCharacters(characters, rubyUnicode),
    ),
  ),
  // Go's %q and %+q.
  ...[UNPRINTABLE, NON_ASCII_CHARACTERS].map((characters) =>
    pipe(
      backslashEscape(/"/g, '\x07\b\t\n\v\f\r', (code) => `\\x${hex(code, 2)}`),
      escapeCharacters(characters, (code) => (code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`)),
    ),
  ),
  // PHP's var_export, and SQL's E'…' with a doubled quote.
  (text) => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'"),
  (text) => text.replaceAll('\\', '\\\\').replaceAll("'", "''"),
];

function rubyUnicode(code: number): string {
  return code < 0x10000 ? `\\u${upperHex(code, 4)}` : `\\u{${upperHex(code, 0)}}`;
}

/** Words of a shell: in single quotes, with backslashes, and in `$'…'` with characters or with bytes in octal. */
const shellEncoders: readonly Encoder[] = [
  (text) => text.replaceAll("'", "'\\''"),
  // Python's shlex.
  (text) => text.replaceAll("'", `'"'"'`),
  (text) => text.replace(/^[#~]|[\s'"\\|&;()<>!{}*[\]?^$`,]/g, '\\$&'),
  (text) => text.replace(/[^\w@%+=:,./\n-]/g, '\\$&'),
  // Ruby's Shellwords.
  (text) => text.replace(/[^\w\-.,:+/@\n]/gu, '\\$&'),
  ...[/(?!)/g, UNPRINTABLE_EXCEPT_PRIVATE, NON_ASCII_CHARACTERS].flatMap((characters) => [
    pipe(backslashEscape(/'/g, '\t\n\r', keep), escapeBytes(characters, octal)),
    // bash writes \E for the escape character.
    pipe(
      backslashEscape(/'/g, '\x07\b\t\n\v\f\r', (code) => (code === 0x1b ? '\\E' : octal(code))),
      escapeBytes(characters, octal),
    ),
  ]),
];

function octal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, '0')}`;
}

const ENCODERS: readonly Encoder[] = [
  replaceControlCharacters,
  percentEncode,
  escapeDotenvValue,
  // Doubled quotes: SQL, YAML and PowerShell; CSV and ADO.NET.
  (text) => text.replaceAll("'", "''"),
  (text) => text.replaceAll('"', '""'),
  ...jsonEncoders,
  ...percentEncoders,
  ...htmlEncoders,
  ...literalEncoders,
  ...shellEncoders,
];

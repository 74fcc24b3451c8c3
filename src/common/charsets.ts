/**
 * Character sets (encodings) and libc locales, as PostgreSQL names them: one table for both validation and comparison.
 * See docs/azure-behavior.md#character-sets-and-collations.
 */

/** PostgreSQL's names of the character sets that a database can have, each with its other names. */
const DATABASE_CHARSETS: Readonly<Record<string, readonly string[]>> = {
  SQL_ASCII: [],
  EUC_JP: [],
  EUC_CN: [],
  EUC_KR: [],
  EUC_TW: [],
  EUC_JIS_2004: [],
  UTF8: ['Unicode'],
  MULE_INTERNAL: [],
  LATIN1: ['ISO88591'],
  LATIN2: ['ISO88592'],
  LATIN3: ['ISO88593'],
  LATIN4: ['ISO88594'],
  LATIN5: ['ISO88599'],
  LATIN6: ['ISO885910'],
  LATIN7: ['ISO885913'],
  LATIN8: ['ISO885914'],
  LATIN9: ['ISO885915'],
  LATIN10: ['ISO885916'],
  WIN1256: ['Windows1256'],
  WIN1258: ['ABC', 'TCVN', 'TCVN5712', 'VSCII', 'Windows1258'],
  WIN866: ['ALT', 'Windows866'],
  WIN874: ['Windows874'],
  KOI8R: ['KOI8'],
  WIN1251: ['WIN', 'Windows1251'],
  WIN1252: ['Windows1252'],
  ISO_8859_5: [],
  ISO_8859_6: [],
  ISO_8859_7: [],
  ISO_8859_8: [],
  WIN1250: ['Windows1250'],
  WIN1253: ['Windows1253'],
  WIN1254: ['Windows1254'],
  WIN1255: ['Windows1255'],
  WIN1257: ['Windows1257'],
  KOI8U: [],
};

/** The character sets that only a client can have. */
const CLIENT_CHARSETS: Readonly<Record<string, readonly string[]>> = {
  SJIS: ['MSKANJI', 'ShiftJIS', 'WIN932', 'Windows932'],
  BIG5: ['WIN950', 'Windows950'],
  GBK: ['WIN936', 'Windows936'],
  UHC: ['WIN949', 'Windows949'],
  GB18030: [],
  JOHAB: [],
  SHIFT_JIS_2004: [],
};

/** PostgreSQL ignores the case of a character set's name, and everything but letters and digits. */
const foldCharset = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

const charsetsByFoldedName = new Map(
  Object.entries({ ...DATABASE_CHARSETS, ...CLIENT_CHARSETS }).flatMap(([charset, otherNames]) =>
    [charset, ...otherNames].map((name) => [foldCharset(name), charset] as const),
  ),
);

/** Every name that is listed here, for the test that compares them with PostgreSQL's. */
export const charsetNames: readonly string[] = [...charsetsByFoldedName.keys()];

/** PostgreSQL's own name of a character set, such as `UTF8` for `utf-8` and `Unicode`; undefined for no character set. */
export const findCharset = (name: string): string | undefined => charsetsByFoldedName.get(foldCharset(name));

/** Whether a database can have a character set, which is given in PostgreSQL's own name. */
export const isDatabaseCharset = (charset: string): boolean => charset in DATABASE_CHARSETS;

/**
 * The same text for every name of a libc locale: `C` and `POSIX`; `en_US.utf8` and `en_US.UTF-8`. Like glibc, it ignores
 * the case of the codeset and everything in it but letters and digits. The modifier, such as `@euro`, counts.
 */
export function normalizeLocale(name: string): string {
  const { language, codeset, modifier } = splitLocale(name);
  if (/^(c|posix)$/i.test(name)) return 'c';
  return `${language}${codeset === undefined ? '' : `.${foldCharset(codeset)}`}${modifier}`.toLowerCase();
}

/**
 * The character set that a libc locale requires, as far as its name says it; undefined for `C`, which fits every character
 * set, and for a name without a known codeset.
 */
export function charsetOfLocale(name: string): string | undefined {
  const { codeset } = splitLocale(name);
  return codeset === undefined ? undefined : findCharset(codeset);
}

function splitLocale(name: string): { language: string; codeset: string | undefined; modifier: string } {
  const [, language = '', codeset, modifier = ''] = /^([^.@]*)(?:\.([^@]*))?(@.*)?$/s.exec(name) ?? [];
  return { language, codeset, modifier };
}

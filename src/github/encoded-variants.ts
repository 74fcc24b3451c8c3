import { escapeDotenvValue, percentEncode } from '../common/encoding.ts';
import { replaceControlCharacters } from '../common/sanitize.ts';

/**
 * Every encoding in which a secret may appear in a log: raw (the first item), URL-encoded, quoted (JSON, SQL, ADO.NET,
 * shell, dotenv), with control characters replaced, and each line of these. The runner itself adds Base64.
 */
export function encodedVariants(secret: string): readonly string[] {
  const parts = [secret, ...splitLines(secret)].filter((part) => part.trim() !== '' || part === secret);
  const variants = parts.flatMap(encodeAllWays);
  const lines = variants.flatMap(splitLines).filter((line) => line.trim() !== '');
  return [...new Set([...variants, ...lines])];
}

const splitLines = (text: string): readonly string[] => text.split(/\r\n|\r|\n/);

function encodeAllWays(secret: string): readonly string[] {
  if (secret === '') return [];
  const escaped = secret.replaceAll('\\', '\\\\');
  return [
    secret,
    replaceControlCharacters(secret),
    encodeURIComponent(secret),
    percentEncode(secret),
    new URLSearchParams({ '': secret }).toString().slice(1),
    encodeURI(secret),
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll("'", "''"),
    escaped.replaceAll("'", "''"),
    secret.replaceAll('"', '""'),
    escapeDotenvValue(secret),
    ...shellVariants(secret, escaped),
  ];
}

/** In single quotes, with backslashes (as bash's `printf %q` and as other programs write them), and in `$'…'`. */
function shellVariants(secret: string, escaped: string): readonly string[] {
  return [
    secret.replaceAll("'", "'\\''"),
    secret.replace(/^[#~]|[\s'"\\|&;()<>!{}*[\]?^$`,]/g, '\\$&'),
    secret.replace(/[^\w@%+=:,./\n-]/g, '\\$&'),
    escaped.replaceAll("'", "\\'"),
    escaped.replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t'),
  ];
}

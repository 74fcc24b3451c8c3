import { escapeDotenvValue, percentEncode } from '../common/encoding.ts';
import { replaceControlCharacters } from '../common/sanitize.ts';

/**
 * Every form in which a secret may show up in a log: raw, URL-encoded, quoted (JSON, SQL, ADO.NET, shell, dotenv),
 * with its control characters replaced, each also line by line. The runner itself adds Base64. Raw comes first.
 */
export function encodedVariants(secret: string): readonly string[] {
  const parts = [secret, ...splitLines(secret)].filter((part) => part.trim() !== '' || part === secret);
  const forms = parts.flatMap(encodeAllWays);
  const lines = forms.flatMap(splitLines).filter((line) => line.trim() !== '');
  return [...new Set([...forms, ...lines])];
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

/** In single quotes, behind backslashes (as bash's `%q` and as careful programs do it), and in `$'…'`. */
function shellVariants(secret: string, escaped: string): readonly string[] {
  return [
    secret.replaceAll("'", "'\\''"),
    secret.replace(/^[#~]|[\s'"\\|&;()<>!{}*[\]?^$`,]/g, '\\$&'),
    secret.replace(/[^\w@%+=:,./\n-]/g, '\\$&'),
    escaped.replaceAll("'", "\\'"),
    escaped.replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t'),
  ];
}

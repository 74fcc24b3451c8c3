import type { IncomingHttpHeaders } from 'node:http';
import { isJsonObject } from './json.ts';

const REDACTED = '***';
// Secrets are blanked by the name of their field only: one that strays elsewhere must stay visible to tests.
const SECRET_FIELDS = /password$|^client_?secret$|^client_?assertion$|token$|^secret$|^refresh_token$/i;
const SECRET_HEADERS = /^(authorization|x-ms-authorization-auxiliary|x-identity-header|cookie)$/;

function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [
      name,
      SECRET_FIELDS.test(name) && typeof entry === 'string' ? REDACTED : redact(entry),
    ]),
  );
}

/** A body as it is recorded: JSON and forms as objects, other text as it is, secrets blanked, null for none. */
export function redactBody(text: string, contentType: string | undefined): unknown {
  if (text === '') return null;
  if (contentType?.includes('application/x-www-form-urlencoded')) {
    return redact(Object.fromEntries(new URLSearchParams(text)));
  }
  try {
    return redact(JSON.parse(text));
  } catch {
    return text;
  }
}

/** Headers as they are recorded: those that carry credentials blanked. */
export function redactHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      SECRET_HEADERS.test(name) ? REDACTED : Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

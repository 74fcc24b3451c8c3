import type { IncomingHttpHeaders } from 'node:http';
import type { HttpRequest, ServiceName } from './http-types.ts';
import { isJsonObject } from './json.ts';

export interface RecordedRequest {
  /** ISO 8601, when the request arrived. */
  readonly at: string;
  readonly service: ServiceName;
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  /** The status of the answer, even if a fault dropped the answer. Null until the service has answered. */
  status: number | null;
  /** ISO 8601, when the answer was sent or a fault dropped it. Null until then. */
  answeredAt: string | null;
  /** JSON and forms as objects, with secrets redacted. Null for an empty body. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

const REDACTED = '***';
// Matched by field name only: a secret that leaks into another field must stay visible to tests.
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

function redactBody(text: string, contentType: string | undefined): unknown {
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

function redactHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      SECRET_HEADERS.test(name) ? REDACTED : Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

/** The log behind `control/requests`: every request to an emulated service, in order of arrival. */
export class RequestRecorder {
  #requests: RecordedRequest[] = [];

  /** Add a request. The caller sets `status` and `answeredAt` of the returned entry. */
  record(service: ServiceName, request: HttpRequest): RecordedRequest {
    const entry: RecordedRequest = {
      at: new Date().toISOString(),
      service,
      method: request.method,
      path: request.path,
      status: null,
      answeredAt: null,
      body: redactBody(request.bodyText, request.headers['content-type']),
      headers: redactHeaders(request.headers),
    };
    this.#requests.push(entry);
    return entry;
  }

  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  clear(): void {
    this.#requests = [];
  }
}

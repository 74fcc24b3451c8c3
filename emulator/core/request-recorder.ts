import type { HttpRequest, ServiceName } from './http-types.ts';
import { redactBody, redactHeaders } from './redact.ts';

export interface RecordedRequest {
  /** ISO 8601, when the request had arrived. */
  readonly at: string;
  readonly service: ServiceName;
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  /** What the service answered, also where the answer was lost on purpose; null while none was given. */
  status: number | null;
  /** JSON and forms as objects, secrets blanked; null for none. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** The log behind `control/requests`: every request to an emulated service, in order of arrival. */
export class RequestRecorder {
  #requests: RecordedRequest[] = [];

  record(service: ServiceName, request: HttpRequest): RecordedRequest {
    const entry: RecordedRequest = {
      at: new Date().toISOString(),
      service,
      method: request.method,
      path: request.path,
      status: null,
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

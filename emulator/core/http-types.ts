import type { IncomingHttpHeaders } from 'node:http';

/** The names of the services in `control/requests` and in faults. */
export type ServiceName = 'arm' | 'entra' | 'graph' | 'github' | 'oidc' | 'echo';

/** The error with which a fault makes a long-running operation fail. */
export interface InjectedFailure {
  readonly code: string;
  readonly message: string;
}

export interface HttpRequest {
  readonly method: string;
  /** Path and query, unchanged. */
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** The body, decoded as UTF-8. */
  readonly bodyText: string;
  /** The loopback address of the client. */
  readonly sourceAddress: string;
  /** Set if a fault makes the operation of this request fail after it was accepted. */
  readonly injectedFailure: InjectedFailure | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent unchanged, undefined as an empty body, any other value as JSON. */
  readonly body?: unknown;
}

export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/**
 * Parse the body as JSON.
 * @returns undefined for an empty body.
 * @throws {SyntaxError} for invalid JSON.
 */
export function parseJsonBody(request: HttpRequest): unknown {
  return request.bodyText.trim() === '' ? undefined : JSON.parse(request.bodyText);
}

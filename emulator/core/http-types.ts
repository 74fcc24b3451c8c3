import type { IncomingHttpHeaders } from 'node:http';

/** The services that a request can be recorded under (contract.md, control calls). */
export type ServiceName = 'arm' | 'entra' | 'github' | 'oidc' | 'echo';

/** A failure that a fault imposes on the operation that this request starts. */
export interface InjectedFailure {
  readonly code: string;
  readonly message: string;
}

export interface HttpRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** The body as it was sent, decoded as UTF-8. */
  readonly bodyText: string;
  /** The loopback address that the connection came from. */
  readonly sourceAddress: string;
  /** Set when a fault says that the operation is to be accepted and then to fail. */
  readonly injectedFailure: InjectedFailure | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string goes out as it is, an object as JSON, undefined as no body at all. */
  readonly body?: unknown;
}

export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/**
 * The request's body as JSON.
 * @returns undefined for an empty body.
 * @throws {SyntaxError} for text that is no JSON.
 */
export function parseJsonBody(request: HttpRequest): unknown {
  return request.bodyText.trim() === '' ? undefined : JSON.parse(request.bodyText);
}

/** The result of a request, for the debug log. */
export interface RequestResult {
  /** Undefined if there was no response. */
  readonly response:
    | { readonly status: number; readonly headers: { get(name: string): string | null | undefined } }
    | undefined;
  /** Milliseconds from the request to the complete response, or to its failure. */
  readonly durationMs: number;
}

/** Headers with the ids that the support of Azure or GitHub asks for. */
const ID_HEADERS = ['x-ms-request-id', 'x-ms-correlation-request-id', 'x-github-request-id'];

/** Characters of an id; a GUID has 36. */
const MAX_ID_LENGTH = 100;

/**
 * A request and its result in one line. The query is left out, because it holds signatures in the URLs of operations, and so
 * are the headers and the bodies.
 */
export function describeRequest(
  method: string,
  url: string,
  { response, durationMs }: RequestResult,
): string {
  const { host, pathname } = new URL(url);
  const ids = ID_HEADERS.flatMap((name) => {
    const id = response?.headers.get(name);
    return id ? [`${name} ${id.slice(0, MAX_ID_LENGTH)}`] : [];
  });
  const result = response === undefined ? 'no response' : `HTTP ${response.status}`;
  return [`${method} ${host}${pathname}: ${result} after ${Math.round(durationMs)} ms`, ...ids].join(', ');
}

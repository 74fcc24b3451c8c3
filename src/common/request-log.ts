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

/** Characters of a path; those of Azure's resources have about 250. */
const MAX_PATH_LENGTH = 1000;

/**
 * A request and its result in one line. The query is left out, because it holds signatures in the URLs of operations, and so
 * are the headers and the bodies.
 */
export function describeExchange(
  method: string,
  url: string,
  { response, durationMs }: RequestResult,
): string {
  const target = URL.parse(url);
  // The request has failed for this reason, and its own error says so.
  const address =
    target === null ? 'an invalid URL' : `${target.host}${target.pathname.slice(0, MAX_PATH_LENGTH)}`;
  const ids = ID_HEADERS.flatMap((name) => {
    const id = response?.headers.get(name);
    return id ? [`${name} ${id.slice(0, MAX_ID_LENGTH)}`] : [];
  });
  const result = response === undefined ? 'no response' : `HTTP ${response.status}`;
  return [`${method} ${address}: ${result} after ${Math.round(durationMs)} ms`, ...ids].join(', ');
}

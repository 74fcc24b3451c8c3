import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface GitHubResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent instead of `body`, without JSON encoding. */
  readonly text?: string;
}

interface ReceivedRequest {
  readonly method: string;
  /** Includes the query. */
  readonly path: string;
  readonly authorization: string;
  readonly body: unknown;
}

/** GitHub's API on a loopback address. A test sets its responses; the client in the test is the real one. */
export class FakeGitHub {
  readonly receivedRequests: ReceivedRequest[] = [];
  respond: (request: ReceivedRequest) => GitHubResponse = () => ({ status: 500 });
  readonly #server = createServer(async (message, response) => {
    const request = await readRequest(message);
    this.receivedRequests.push(request);
    const { status = 200, headers = {}, body, text: plain } = this.respond(request);
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(plain ?? (body === undefined ? '' : JSON.stringify(body)));
  });

  /** Starts the server on a free port. */
  async listen(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, '127.0.0.1', resolve);
    await promise;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }
}

async function readRequest(message: IncomingMessage): Promise<ReceivedRequest> {
  const { method = '', url = '', headers } = message;
  const body = await text(message);
  return {
    method,
    path: url,
    authorization: headers.authorization ?? '',
    body: body === '' ? undefined : JSON.parse(body),
  };
}

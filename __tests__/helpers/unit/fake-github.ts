import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface GitHubResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in the place of `body`. */
  readonly text?: string;
}

interface ReceivedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly authorization: string;
  readonly body: unknown;
}

/** GitHub's API on a loopback address, answering as a test says; the real client asks it. */
export class FakeGitHub {
  readonly receivedRequests: ReceivedRequest[] = [];
  respond: (asked: ReceivedRequest) => GitHubResponse = () => ({ status: 500 });
  readonly #server = createServer(async (request, response) => {
    const asked = await readRequest(request);
    this.receivedRequests.push(asked);
    const { status = 200, headers = {}, body, text: plain } = this.respond(asked);
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(plain ?? (body === undefined ? '' : JSON.stringify(body)));
  });

  /** Starts it on a port that the system chooses. */
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

async function readRequest(request: IncomingMessage): Promise<ReceivedRequest> {
  const { method = '', url = '', headers } = request;
  const body = await text(request);
  return {
    method,
    path: url,
    authorization: headers.authorization ?? '',
    body: body === '' ? undefined : JSON.parse(body),
  };
}

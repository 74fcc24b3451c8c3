import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { selectAgent } from './http-agents.ts';
import { describeNetworkFailure, NetworkError } from './network-failure.ts';

export interface TextRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the request; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Bytes of the largest response that is read. */
  readonly maxBytes: number;
  /** Called when the request has been sent. */
  readonly onSent?: (() => void) | undefined;
}

/** A response with its complete body. */
export interface TextResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
  readonly text: string;
}

/** A response has more bytes than its reader accepts. */
export class ResponseTooLargeError extends Error {
  override readonly name = 'ResponseTooLargeError';
}

/**
 * Reads a URL, and follows no redirect. With Node's own client, because it sends the first request of a run: the global
 * `fetch` and the client of the SDK take longer to load than the request itself.
 * @throws NetworkError if there is no response; {@link ResponseTooLargeError}; the reason of the signal
 */
export async function getText(url: string, request: TextRequest): Promise<TextResponse> {
  const agent = await selectAgent(url);
  try {
    return await new Promise((resolve, reject) => {
      const { headers = {}, signal, maxBytes, onSent = () => {} } = request;
      const get = url.startsWith('https:') ? httpsGet : httpGet;
      const onResponse = (response: IncomingMessage): void => {
        readBody(response, maxBytes).then((text) => resolve(toTextResponse(response, text)), reject);
      };
      get(url, { agent, headers: { ...headers }, signal }, onResponse)
        .on('finish', onSent)
        .on('error', reject);
    });
  } catch (error) {
    request.signal.throwIfAborted();
    if (error instanceof ResponseTooLargeError) throw error;
    const failure = describeNetworkFailure(error, url);
    throw failure === undefined ? error : new NetworkError(failure);
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new ResponseTooLargeError(`the response has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const toTextResponse = ({ statusCode = 0, headers }: IncomingMessage, text: string): TextResponse => ({
  status: statusCode,
  headers: {
    get: (name) => {
      const value = headers[name.toLowerCase()];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  },
  text,
});

import type { Clients } from './clients.ts';
import type { Handler } from './http/exchange.ts';

/** A service that tells its caller the public address it comes from: the bare IPv4, as plain text. */
export function echoHandler(clients: Clients, index: number): Handler {
  return ({ method, source }) =>
    method === 'GET'
      ? {
          status: 200,
          headers: { 'Content-Type': 'text/plain; charset=utf-8' },
          body: clients.echoOf(index, source),
        }
      : { status: 405 };
}

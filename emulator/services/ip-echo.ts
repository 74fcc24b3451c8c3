import type { ClientAddressMap } from '../core/client-address-map.ts';
import type { HttpHandler } from '../core/http-types.ts';

/** A service that answers with the public IPv4 address of its caller, as plain text. */
export function ipEchoHandler(clientAddresses: ClientAddressMap, serviceIndex: number): HttpHandler {
  return ({ method, sourceAddress }) =>
    method === 'GET'
      ? {
          status: 200,
          headers: { 'Content-Type': 'text/plain; charset=utf-8' },
          body: clientAddresses.getEchoAnswer(serviceIndex, sourceAddress),
        }
      : { status: 405 };
}

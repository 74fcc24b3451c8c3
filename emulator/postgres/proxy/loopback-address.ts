import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { POSTGRES_PORT } from './postgres-proxy.ts';

/** With millions of addresses to choose from, more failures than this mean that the port is taken on all of them. */
const MAX_ATTEMPTS = 20;

/**
 * A loopback address on whose port 5432 nobody listens. Several emulators may run on one machine, so it is chosen at
 * random; 127.0.0.0/24 is left to the machine's own services.
 *
 * @throws Error when something listens on that port of every address.
 */
export async function chooseLoopbackAddress(): Promise<string> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const address = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
    if (await isPortFree(address)) return address;
  }
  throw new Error(
    `Port ${POSTGRES_PORT} is taken on every loopback address: something listens on 0.0.0.0:${POSTGRES_PORT}, perhaps a PostgreSQL of this machine. Stop it first.`,
  );
}

function isPortFree(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
      .once('error', () => resolve(false))
      .listen(POSTGRES_PORT, address, () => probe.close(() => resolve(true)));
  });
}

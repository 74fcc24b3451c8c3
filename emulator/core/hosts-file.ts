import { readFileSync, writeFileSync } from 'node:fs';

/** What follows a server's name in its host name: Azure's suffix, under the domain that is reserved for loopback. */
export const HOST_SUFFIX = '.postgres.database.azure.localhost';

/**
 * The loopback addresses of the servers by host name.
 * @param file undefined: no server has a host name
 */
export function readHosts(file: string | undefined): ReadonlyMap<string, string> {
  const lines = file ? readFileSync(file, 'utf8').split('\n') : [];
  return new Map(
    lines
      .filter((line) => line !== '')
      .map((line) => line.split(' ') as [string, string])
      .map(([address, host]) => [host, address]),
  );
}

/**
 * The file that resolve-host-names.cjs reads: the host names of the servers and their loopback addresses, in the form of
 * hosts(5). It is written synchronously, so that a name resolves before ARM shows it.
 */
export class HostsFile {
  readonly path: string;
  readonly #addresses = new Map<string, string>();

  /** Creates an empty file. */
  constructor(path: string) {
    this.path = path;
    this.#write();
  }

  add(host: string, address: string): void {
    this.#addresses.set(host, address);
    this.#write();
  }

  remove(host: string): void {
    if (this.#addresses.delete(host)) this.#write();
  }

  #write(): void {
    const lines = [...this.#addresses].map(([host, address]) => `${address} ${host}\n`);
    writeFileSync(this.path, lines.join(''), { mode: 0o644 });
  }
}

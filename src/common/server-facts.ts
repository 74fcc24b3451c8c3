/** What Azure reports about a server, as far as its sessions and the advice about errors of PostgreSQL depend on it. */
export interface ServerFacts {
  readonly name?: string | undefined;
  readonly resourceGroup?: string | undefined;
  /** Login of the administrator that the server was created with. */
  readonly administrator?: string | undefined;
  /** PostgreSQL's major version, which decides which settings a session can have. */
  readonly majorVersion?: number | undefined;
  readonly storageGiB?: number | undefined;
  readonly hasAutoGrow?: boolean | undefined;
  /** Name of the server that this one replicates. */
  readonly primaryServer?: string | undefined;
}

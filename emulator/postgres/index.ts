import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseAddress } from './address.ts';
import { Cluster, type Grounds } from './cluster.ts';
import { installedMajors } from './installation.ts';
import { storePasswords } from './password-storage.ts';
import { makePlace, placesFor } from './place.ts';
import { run, serviceAccount } from './process.ts';
import { FlexibleServer } from './server.ts';
import { makeGrounds, makeTemplate, readPrepared, type Template } from './template.ts';
import type {
  PostgresFactory,
  PostgresFactoryOptions,
  PostgresServer,
  PostgresServerOptions,
} from './types.ts';
import { type Watchdog, watchOver } from './watchdog.ts';

/**
 * The data plane of one emulator: real PostgreSQL servers with Azure's role model, each behind a gate of its own. Works
 * as root and as any other user, changes nothing outside its directory, and a process beside it cleans up should the
 * emulator be killed.
 *
 * @throws Error when this machine has no account, no directory or no locale that PostgreSQL could use.
 */
export async function createPostgresFactory(options: PostgresFactoryOptions): Promise<PostgresFactory> {
  const account = await serviceAccount();
  const place = await makePlace(await placesFor(options.directory), account);
  const watchdog = watchOver(place);
  try {
    const { preparedTemplates } = options;
    const { grounds, templates } =
      preparedTemplates === undefined
        ? { grounds: await makeGrounds(place, account), templates: [] }
        : await readPrepared(preparedTemplates, account);
    return new Factory(options, place, watchdog, grounds, templates);
  } catch (error) {
    await watchdog.dismiss();
    throw error;
  }
}

class Factory implements PostgresFactory {
  readonly supportedMajors: readonly string[] = installedMajors();
  readonly #options: PostgresFactoryOptions;
  readonly #place: string;
  readonly #watchdog: Watchdog;
  readonly #grounds: Grounds;
  readonly #templates: Map<string, Promise<Template>>;
  readonly #creations = new Set<Promise<PostgresServer>>();
  #made = 0;
  #closed = false;

  constructor(
    options: PostgresFactoryOptions,
    place: string,
    watchdog: Watchdog,
    grounds: Grounds,
    templates: readonly Template[],
  ) {
    this.#templates = new Map(
      templates.map((template) => [template.installation.major, Promise.resolve(template)]),
    );
    this.#options = options;
    this.#place = place;
    this.#watchdog = watchdog;
    this.#grounds = grounds;
  }

  create(options: PostgresServerOptions): Promise<PostgresServer> {
    if (this.#closed) return Promise.reject(new Error('The factory has been closed.'));
    const creation = this.#create(options);
    this.#creations.add(creation);
    creation.catch(() => this.#creations.delete(creation));
    return creation;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const creations = await Promise.allSettled(this.#creations);
    await Promise.allSettled(this.#templates.values());
    await Promise.all(
      creations.map((creation) => (creation.status === 'fulfilled' ? creation.value.destroy() : undefined)),
    );
    await this.#watchdog.dismiss();
    // The watchdog has done this already, unless it was killed.
    await rm(this.#place, { recursive: true, force: true });
  }

  async #create(options: PostgresServerOptions): Promise<PostgresServer> {
    this.#made += 1;
    const directory = join(this.#place, `server-${this.#made}`);
    const [template, address] = await Promise.all([this.#template(options.major), chooseAddress()]);
    const [certificate] = await Promise.all([
      this.#options.certificates.issue([address]),
      run('cp', ['-a', '--reflink=auto', template.directory, directory], { account: undefined }),
    ]);
    await storePasswords(directory, options.passwordStorage);
    return new FlexibleServer(options, {
      address,
      certificate,
      clients: this.#options.clients,
      holdOf: this.#options.holdOf ?? (() => undefined),
      minor: template.installation.minor,
      cluster: new Cluster(directory, template.installation, this.#grounds),
    });
  }

  #template(major: string): Promise<Template> {
    const known = this.#templates.get(major);
    if (known) return known;
    const template = makeTemplate(major, this.#place, this.#grounds);
    this.#templates.set(major, template);
    return template;
  }
}

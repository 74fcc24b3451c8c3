import { exampleRepository, stableId } from './accounts.ts';
import { RateLimits } from './rate-limits.ts';
import { Repository } from './repository.ts';
import { TokenRegistry } from './tokens.ts';

/** The key of a repository. GitHub compares names without regard to case. */
export function repositoryKey(fullName: string): string {
  return fullName.toLowerCase();
}

/** The data of the emulated GitHub. */
export class GitHubStore {
  readonly tokens = new TokenRegistry();
  readonly rateLimits = new RateLimits();
  /** `owner/name` of the repository that OIDC tokens are for, if their request does not name one. */
  oidcRepository = exampleRepository.full_name;
  readonly #repositories = new Map<string, Repository>();

  constructor() {
    this.getOrCreate(exampleRepository.full_name, exampleRepository.id);
  }

  get repositories(): readonly Repository[] {
    return [...this.#repositories.values()];
  }

  findByName(fullName: string): Repository | undefined {
    return this.#repositories.get(repositoryKey(fullName));
  }

  findById(id: number): Repository | undefined {
    return this.repositories.find((repository) => repository.id === id);
  }

  /** The repository with this name, created if necessary. An `id` replaces the id of an existing repository. */
  getOrCreate(fullName: string, id: number | undefined): Repository {
    const repository = this.findByName(fullName) ?? new Repository(fullName, stableId(fullName));
    repository.id = id ?? repository.id;
    this.#repositories.set(repositoryKey(fullName), repository);
    return repository;
  }
}

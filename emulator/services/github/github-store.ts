import { stableId } from './accounts.ts';
import { exampleRepository } from './example-repository.ts';
import { RateLimits } from './rate-limits.ts';
import { Repository } from './repository.ts';
import { TokenRegistry } from './tokens.ts';

/** By what repositories are told apart: GitHub's names do so without regard to case. */
export function repositoryKey(fullName: string): string {
  return fullName.toLowerCase();
}

/** What the emulated GitHub holds. */
export class GitHubStore {
  readonly tokens = new TokenRegistry();
  readonly rateLimits = new RateLimits();
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

  /** The repository of this name; an unknown one is made, and one whose id is given has that from now on. */
  getOrCreate(fullName: string, id: number | undefined): Repository {
    const repository = this.findByName(fullName) ?? new Repository(fullName, stableId(fullName));
    repository.id = id ?? repository.id;
    this.#repositories.set(repositoryKey(fullName), repository);
    return repository;
  }
}

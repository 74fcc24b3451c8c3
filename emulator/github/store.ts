import { stableId } from './accounts.ts';
import { exampleRepository } from './example-repository.ts';
import { RateLimits } from './rate-limits.ts';
import { Repository } from './repository.ts';
import { Tokens } from './tokens.ts';

/** By what repositories are told apart: GitHub's names do so without regard to case. */
export function keyOf(fullName: string): string {
  return fullName.toLowerCase();
}

/** What the emulated GitHub holds. */
export class GitHub {
  readonly tokens = new Tokens();
  readonly rateLimits = new RateLimits();
  readonly #repositories = new Map<string, Repository>();

  constructor() {
    this.knownOrNew(exampleRepository.full_name, exampleRepository.id);
  }

  get repositories(): readonly Repository[] {
    return [...this.#repositories.values()];
  }

  named(fullName: string): Repository | undefined {
    return this.#repositories.get(keyOf(fullName));
  }

  numbered(id: number): Repository | undefined {
    return this.repositories.find((repository) => repository.id === id);
  }

  /** The repository of this name; an unknown one is made, and one whose id is given has that from now on. */
  knownOrNew(fullName: string, id: number | undefined): Repository {
    const repository = this.named(fullName) ?? new Repository(fullName, stableId(fullName));
    repository.id = id ?? repository.id;
    this.#repositories.set(keyOf(fullName), repository);
    return repository;
  }
}

import { GitHubRequestError } from './api.ts';

/**
 * Creates one thing on GitHub. Where it is not known whether the request has taken effect, looks for the thing before the
 * request is repeated, once.
 * @param find undefined where it is not there
 * @throws what the last request throws
 */
export async function createOnce<T>(
  create: () => Promise<T>,
  find: () => Promise<T | undefined>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof GitHubRequestError && error.mayHaveTakenEffect)) throw error;
    return (await find()) ?? (await create());
  }
}

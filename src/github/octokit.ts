import { getOctokit } from '@actions/github';
import type { RunContext } from '../common/polling.ts';
import { proxiedFetch } from '../common/proxied-fetch.ts';
import { apiUrl } from './api-url.ts';
import { createRetryingFetch } from './retrying-fetch.ts';

export type Octokit = ReturnType<typeof getOctokit>;

/** GitHub's client, with the proxy, the limits and the retries of the action. */
export function createOctokit(token: string, run: RunContext): Octokit {
  return getOctokit(token, {
    // Passed explicitly, because the library reads the variable only when it is loaded.
    baseUrl: apiUrl(),
    request: { fetch: createRetryingFetch(proxiedFetch, run) },
  });
}

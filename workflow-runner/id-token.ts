import type { JsonObject } from '../emulator/core/json.ts';

/** Where a job with `id-token: write` asks for its OIDC token. */
export interface IdTokenEndpoint {
  readonly url: string;
  readonly token: string;
}

// What of the `github` context a job's OIDC token claims under the same name (OpenID Connect reference).
const CLAIM_NAMES = [
  'repository',
  'repository_id',
  'ref',
  'sha',
  'head_ref',
  'base_ref',
  'event_name',
  'actor',
  'run_id',
  'run_attempt',
  'workflow',
];

/**
 * A job's own way to its OIDC token: the emulated GitHub learns from the URL what the token has to claim.
 * @param environment of the job, undefined where it references none.
 */
export function createJobIdTokenEndpoint(
  { url, token }: IdTokenEndpoint,
  github: JsonObject,
  environment: string | undefined,
): IdTokenEndpoint {
  const jobUrl = new URL(url);
  for (const name of CLAIM_NAMES) jobUrl.searchParams.set(name, String(github[name] ?? ''));
  if (environment !== undefined) jobUrl.searchParams.set('environment', environment);
  return { url: String(jobUrl), token };
}

import { getText } from '../common/get-text.ts';
import { parseJsonObject } from '../common/json.ts';
import { findNetworkFailure, foreignAnswerHint, isPage } from '../common/network-failure.ts';
import type { RunContext } from '../common/polling.ts';
import { createRetryingSend } from './retrying-fetch.ts';

/** GitHub has issued no OIDC token: why, and what to do. */
export class IdTokenError extends Error {
  override readonly name = 'IdTokenError';
  readonly hint: string;

  constructor(reason: string, hint: string, cause?: unknown) {
    super(`GitHub issued no OIDC token: ${reason}`, { cause });
    this.hint = hint;
  }
}

/**
 * A new OIDC token of this job, from the endpoint in the environment.
 *
 * Not `getIDToken` of @actions/core: its error holds only a message, which is empty for some failures of the network, it
 * does not send a request again after one, and it selects its proxy differently than the Azure SDK.
 * @param log gets a line for each retry, and in the debug log for each request
 * @param onSent called when a request has been sent
 * @throws IdTokenError
 */
export async function requestIdToken(
  audience: string,
  env: NodeJS.ProcessEnv,
  { info, debug }: Pick<RunContext, 'info' | 'debug'>,
  onSent?: () => void,
): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: endpoint = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: token = '' } = env;
  if (!URL.canParse(endpoint) || token === '')
    throw new IdTokenError('the runner gives this job no endpoint for it', PERMISSION_HINT);
  const url = new URL(endpoint);
  url.searchParams.set('audience', audience);
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
  const send = createRetryingSend(
    (href, _, signal) => getText(href, { headers, signal, maxBytes: MAX_RESPONSE_BYTES, onSent }),
    { signal: new AbortController().signal, info, warning: () => {}, debug },
  );
  const { status, text } = await send(url.href, { method: 'GET' }).catch((error: unknown) => {
    const failure = findNetworkFailure(error);
    throw failure === undefined
      ? new IdTokenError(String((error as Error).message), OUTAGE_HINT, error)
      : new IdTokenError(failure.text, failure.hint, error);
  });
  const isOk = status >= 200 && status < 300;
  const { value } = parseJsonObject(text) ?? {};
  if (isOk && typeof value === 'string' && value !== '') return value;
  if (isPage(text))
    throw new IdTokenError(
      `${url.host} answered HTTP ${status} with a page instead of a token`,
      foreignAnswerHint(url.href),
    );
  throw new IdTokenError(
    `${url.host} answered HTTP ${status}${isOk ? ' without a token' : ''}`,
    status === 401 || status === 403 ? PERMISSION_HINT : OUTAGE_HINT,
  );
}

/** Bytes; a token has about 2,000. */
const MAX_RESPONSE_BYTES = 100_000;

const PERMISSION_HINT = 'Give the job `permissions: id-token: write`, and run the whole workflow again.';
const OUTAGE_HINT =
  'Run the workflow again. https://www.githubstatus.com shows whether GitHub has an incident; otherwise check the proxies and firewalls of the runner.';

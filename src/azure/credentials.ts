import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/core-auth';
import {
  AzureCliCredential,
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import { actionError, getRawErrorMessage } from '../common/errors.ts';
import { formatDuration, withAbortGrace, withTimeout } from '../common/polling.ts';
import type { AuthMethod, SignInConfig } from '../inputs/types.ts';
import type { Endpoints } from './clouds.ts';

/** What signing in needs of the workflow. */
export interface OidcTokenProvider {
  /** Whether the job may ask for an OIDC token (`permissions: id-token: write`). */
  readonly canRequestIdToken: boolean;
  /** A fresh OIDC token of the job; it lives five minutes, so it is asked for at each exchange (peers: Azure/login#372). */
  requestIdToken(audience: string): Promise<string>;
  mask(secret: string): void;
}

/** The way by the contract's order: client secret, else OIDC where the job may ask for a token, else what is around. */
export function selectAuthMethod(
  { clientId, tenantId, clientSecret }: SignInConfig,
  canRequestIdToken: boolean,
): AuthMethod {
  if (clientId === undefined || tenantId === undefined) return 'ambient';
  if (clientSecret !== undefined) return 'client-secret';
  return canRequestIdToken ? 'oidc' : 'ambient';
}

/**
 * The credential for ARM. Tokens are masked as they arrive.
 * @throws `sign-in-failed`, from `getToken`
 */
export function createCredential(
  method: AuthMethod,
  signInConfig: SignInConfig,
  endpoints: Endpoints,
  tokenProvider: OidcTokenProvider,
): TokenCredential {
  const { credential, description, hint } = credentialFactories[method](
    signInConfig,
    endpoints,
    tokenProvider,
  );
  const timeoutError = (): Error =>
    new Error(
      `no answer within ${formatDuration(SIGN_IN_TIMEOUT_MS)}; check the network and the proxy of the runner`,
    );
  return {
    async getToken(scopes, options): Promise<AccessToken | null> {
      try {
        const pendingToken = withTimeout(
          SIGN_IN_TIMEOUT_MS,
          timeoutError,
          credential.getToken(scopes, options),
        );
        // The libraries do not always listen to the signal.
        const token = await withAbortGrace(signalOf(options), 0, pendingToken);
        if (token) tokenProvider.mask(token.token);
        return token;
      } catch (error) {
        if (options?.abortSignal?.aborted) throw error;
        throw toSignInError(description, hint, error);
      }
    },
  };
}

/** The signal of our own requests; the SDK's type of it lacks the reason. */
const signalOf = (options: GetTokenOptions | undefined): AbortSignal =>
  options?.abortSignal instanceof AbortSignal ? options.abortSignal : new AbortController().signal;

/** Milliseconds for one sign-in: a token of GitHub, then one of Entra, with the libraries' own retries. */
const SIGN_IN_TIMEOUT_MS = 60_000;
/** Milliseconds for GitHub to answer with a token of the job. */
const ID_TOKEN_TIMEOUT_MS = 20_000;

interface CredentialChoice {
  readonly credential: TokenCredential;
  /** For the sentence "signing in to Azure by …". */
  readonly description: string;
  readonly hint: string;
}

type CredentialFactory = (
  config: SignInConfig,
  endpoints: Endpoints,
  source: OidcTokenProvider,
) => CredentialChoice;

const credentialFactories: Readonly<Record<AuthMethod, CredentialFactory>> = {
  'client-secret': ({ clientId = '', tenantId = '', clientSecret = '' }, endpoints) => ({
    credential: new ClientSecretCredential(tenantId, clientId, clientSecret, authorityOptions(endpoints)),
    description: 'client secret',
    hint: 'Check client-id, tenant-id and client-secret.',
  }),
  oidc: ({ clientId = '', tenantId = '' }, endpoints, source) => ({
    credential: new ClientAssertionCredential(
      tenantId,
      clientId,
      createAssertionProvider(endpoints, source),
      authorityOptions(endpoints),
    ),
    description: "OpenID Connect (the job's own token)",
    hint: 'Check client-id and tenant-id, and that the application has a federated credential for this repository and branch, environment or pull request.',
  }),
  ambient: ({ clientId, subscriptionId }, endpoints, source) => ({
    credential: new ChainedTokenCredential(
      // With the authority, which a federated token would go to by a variable of an earlier step otherwise.
      new ManagedIdentityCredential({ ...(clientId ? { clientId } : {}), ...authorityOptions(endpoints) }),
      new AzureCliCredential({ subscription: subscriptionId }),
    ),
    description: 'managed identity and by the az CLI’s session',
    hint: source.canRequestIdToken
      ? 'For OpenID Connect give client-id and tenant-id.'
      : 'On a runner without a managed identity, add `permissions: id-token: write` to the job and give client-id and tenant-id.',
  }),
};

const authorityOptions = ({ authorityHost, isLocalAuthority }: Endpoints) => ({
  authorityHost,
  disableInstanceDiscovery: isLocalAuthority,
});

/** Milliseconds for which one OIDC token serves; it lives five minutes, and the SDK asks for it more often than it uses it. */
const ASSERTION_REUSE_MS = 60_000;

function createAssertionProvider(
  endpoints: Endpoints,
  tokenProvider: OidcTokenProvider,
): () => Promise<string> {
  let requestedAt = Number.NEGATIVE_INFINITY;
  let token: Promise<string> | undefined;
  return () => {
    if (token === undefined || performance.now() - requestedAt > ASSERTION_REUSE_MS) {
      requestedAt = performance.now();
      const timeoutError = (): Error =>
        new Error(`GitHub gave no token of the job within ${formatDuration(ID_TOKEN_TIMEOUT_MS)}`);
      token = withTimeout(
        ID_TOKEN_TIMEOUT_MS,
        timeoutError,
        tokenProvider.requestIdToken(endpoints.oidcAudience),
      );
      token.catch(() => {
        token = undefined;
      });
    }
    return token;
  };
}

/** Entra's error numbers and what helps (facts.md §7; Microsoft's list of AADSTS codes). */
const HINTS_BY_ERROR_NUMBER: Readonly<Record<string, string>> = {
  AADSTS700016: 'The application is not in this tenant: check client-id and tenant-id.',
  AADSTS90002: 'There is no such tenant: check tenant-id and azure-environment.',
  AADSTS7000215: 'The client secret is wrong: give its value, not its id, or make a new one.',
  AADSTS7000222: 'The client secret has expired: make a new one, or use OpenID Connect, which needs none.',
  AADSTS700213:
    'No federated credential of the application matches this job’s subject: add one for this branch, environment or pull request.',
  AADSTS70021:
    'No federated credential of the application matches this job’s subject: add one for this branch, environment or pull request.',
  AADSTS700024: 'The assertion was outside its five minutes: check the clock of the runner.',
};

function toSignInError(by: string, advice: string, error: unknown): Error {
  const message = getRawErrorMessage(error);
  const errorNumber = /AADSTS\d+/.exec(message)?.[0];
  const reason = message.split(/\r?\n/).find((line) => line.includes(errorNumber ?? '')) ?? message;
  const correlationId = /Correlation ID: ([0-9a-f-]{36})/i.exec(message)?.[1];
  const azure = errorNumber && {
    code: errorNumber,
    message: reason.trim(),
    ...(correlationId ? { correlationId } : {}),
  };
  return actionError(
    'sign-in-failed',
    {
      method: by,
      reason: errorNumber ?? reason.trim(),
      hint: (errorNumber && HINTS_BY_ERROR_NUMBER[errorNumber]) ?? advice,
    },
    azure ? { cause: error, azure } : { cause: error },
  );
}

import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/core-auth';
import { actionError, getRawErrorMessage } from '../common/errors.ts';
import { describeTimeout } from '../common/network-failure.ts';
import { formatDuration, withAbortGrace, withTimeout } from '../common/polling.ts';
import type { AuthMethod, SignInConfig } from '../inputs/types.ts';
import type { Endpoints } from './clouds.ts';
import {
  adviseOnFederatedCredential,
  type FederatedCredentialAdvice,
  readClaims,
} from './federated-identity.ts';
import { SignInClient, toObstacle } from './sign-in-client.ts';

/** What signing in needs from the workflow. */
export interface OidcTokenProvider {
  /** Whether the job can request an OIDC token (`permissions: id-token: write`). */
  readonly canRequestIdToken: boolean;
  /** Requests the token that the next {@link requestIdToken} for this audience returns. */
  prefetchIdToken(audience: string): Promise<void>;
  /** A new OIDC token of the job. It is valid for five minutes, so each exchange needs a new one (Azure/login#372). */
  requestIdToken(audience: string): Promise<string>;
  mask(secret: string): void;
  info(text: string): void;
  debug(text: string): void;
}

/**
 * Signs in, and returns the credential for ARM, whose tokens have one scope, without waiting for the end of the sign-in. It
 * masks each token before it returns it, and logs once how it has signed in.
 * @throws `sign-in-failed`, from `getToken`
 */
export async function createCredential(
  method: AuthMethod,
  signInConfig: SignInConfig,
  endpoints: Endpoints,
  tokenProvider: OidcTokenProvider,
): Promise<TokenCredential> {
  const client = new SignInClient(endpoints.authorityHost, (text) => tokenProvider.debug(text));
  const choice = await credentialFactories[method](signInConfig, endpoints, tokenProvider, client);
  const timeoutError = (): Error =>
    describeTimeout(`no answer within ${formatDuration(SIGN_IN_TIMEOUT_MS)}`, endpoints.authorityHost);
  let isLogged = false;
  const signIn = async (
    scopes: string | string[],
    options: GetTokenOptions = {},
  ): Promise<AccessToken | null> => {
    client.reset();
    try {
      const requested = choice.credential.getToken(scopes, options);
      const token = await withTimeout(SIGN_IN_TIMEOUT_MS, timeoutError, requested);
      if (token) tokenProvider.mask(token.token);
      if (!isLogged) tokenProvider.info(`Signed in to Azure with ${choice.describeIdentity()}`);
      isLogged = true;
      return token;
    } catch (error) {
      throw toSignInError(choice, error, client);
    }
  };
  // Entra answers while the clients are loaded. The first request reports a failure.
  let pending: Promise<AccessToken | null> | undefined = signIn(endpoints.scope);
  pending.catch(() => {});
  return {
    async getToken(scopes, options): Promise<AccessToken | null> {
      const signal = signalOf(options);
      // ARM has rejected the last token, and names what the next one has to contain.
      if (options?.claims !== undefined) return await withAbortGrace(signal, 0, signIn(scopes, options));
      // Requests that are sent at the same moment share one sign-in.
      pending ??= signIn(scopes);
      const shared = pending;
      try {
        return await withAbortGrace(signal, 0, shared);
      } finally {
        if (pending === shared) pending = undefined;
      }
    },
  };
}

/** The signal of the request; the SDK's type for it lacks the reason. */
const signalOf = (options: GetTokenOptions | undefined): AbortSignal =>
  options?.abortSignal instanceof AbortSignal ? options.abortSignal : new AbortController().signal;

/** Milliseconds for one sign-in: a token of GitHub, then a token of Entra, with the libraries' retries. */
const SIGN_IN_TIMEOUT_MS = 60_000;
/** Milliseconds for GitHub's OIDC token. */
const ID_TOKEN_TIMEOUT_MS = 20_000;

interface CredentialChoice {
  readonly credential: TokenCredential;
  /** To follow "Signing in to Azure by". */
  readonly description: string;
  /** The method and the identity that has signed in, to follow "Signed in to Azure with". */
  readonly describeIdentity: () => string;
  readonly hint: string;
  /** What the hint says about each refusal of Entra that {@link HINTS_BY_ERROR_NUMBER} does not know. */
  readonly isHintForRefusals?: true;
  /** Advice for an error number of Entra that depends on what was presented. */
  readonly advise?: (errorNumber: string) => FederatedCredentialAdvice | undefined;
}

type CredentialFactory = (
  config: SignInConfig,
  endpoints: Endpoints,
  tokenProvider: OidcTokenProvider,
  httpClient: SignInClient,
) => Promise<CredentialChoice>;

const credentialFactories: Readonly<Record<AuthMethod, CredentialFactory>> = {
  'client-secret': async ({ clientId = '', tenantId = '', clientSecret = '' }, endpoints, _, client) => {
    const { ClientSecretCredential } = await import('./confidential-credentials.ts');
    return {
      credential: new ClientSecretCredential(tenantId, clientId, clientSecret, {
        ...authorityOptions(endpoints),
        httpClient: client,
      }),
      description: 'client secret',
      describeIdentity: () => `a client secret (client-id ${clientId})`,
      hint: 'Check client-id, tenant-id and client-secret.',
    };
  },
  oidc: async ({ clientId = '', tenantId = '' }, endpoints, tokenProvider, client) => {
    let presented = '';
    const getAssertion = createAssertionProvider(endpoints, tokenProvider, client);
    const { ClientAssertionCredential } = await import('./confidential-credentials.ts');
    const credential = new ClientAssertionCredential(
      tenantId,
      clientId,
      async () => {
        presented = await getAssertion();
        return presented;
      },
      { ...authorityOptions(endpoints), httpClient: client },
    );
    return {
      credential,
      description: "OpenID Connect (the job's own token)",
      describeIdentity: () =>
        `OpenID Connect (client-id ${clientId}, subject ${readClaims(presented)?.subject ?? 'unknown'})`,
      hint: 'Check client-id and tenant-id.',
      advise: (errorNumber) => adviseOnFederatedCredential(errorNumber, presented, clientId),
    };
  },
  ambient: async ({ clientId, tenantId, subscriptionId }, endpoints, tokenProvider, client) => {
    let used = '';
    const { AzureCliCredential, ChainedTokenCredential, ManagedIdentityCredential } = await import(
      './ambient-credentials.ts'
    );
    // Without the explicit authority, an earlier step could redirect a federated token with an environment variable.
    const managedIdentity = new ManagedIdentityCredential({
      ...(clientId ? { clientId } : {}),
      ...authorityOptions(endpoints),
      httpClient: client,
    });
    const azCli = new AzureCliCredential({ subscription: subscriptionId });
    const onToken = (credential: TokenCredential, name: string): TokenCredential => ({
      async getToken(scopes, options) {
        const token = await credential.getToken(scopes, options);
        used = name;
        return token;
      },
    });
    return {
      credential: new ChainedTokenCredential(
        onToken(managedIdentity, 'the managed identity of this runner'),
        onToken(azCli, 'the session of the az CLI'),
      ),
      description: 'managed identity and by the az CLI’s session',
      describeIdentity: () => used,
      hint: ambientHint({ clientId, tenantId, canRequestIdToken: tokenProvider.canRequestIdToken }),
      isHintForRefusals: true,
    };
  },
};

/** What is missing for OpenID Connect, and the other ways to sign in without a secret. */
export function ambientHint(
  given: Pick<SignInConfig, 'clientId' | 'tenantId'> & { canRequestIdToken: boolean },
): string {
  const missingIds = [!given.clientId && 'client-id', !given.tenantId && 'tenant-id'].filter(Boolean);
  const steps = [
    !given.canRequestIdToken && 'add `permissions: id-token: write` to the job',
    missingIds.length > 0 && `set ${missingIds.join(' and ')}`,
  ].filter(Boolean);
  return `For OpenID Connect, ${steps.join(' and ')}. Or sign in with azure/login in an earlier step of the job, or use a runner with a managed identity.`;
}

const authorityOptions = ({ authorityHost, isLocalAuthority }: Endpoints) => ({
  authorityHost,
  disableInstanceDiscovery: isLocalAuthority,
});

/** Milliseconds for which an OIDC token is reused: the SDK requests it more often than it uses it. */
const ASSERTION_REUSE_MS = 60_000;

function createAssertionProvider(
  endpoints: Endpoints,
  tokenProvider: OidcTokenProvider,
  client: SignInClient,
): () => Promise<string> {
  let requestedAt = Number.NEGATIVE_INFINITY;
  let token: Promise<string> | undefined;
  return () => {
    if (token === undefined || performance.now() - requestedAt > ASSERTION_REUSE_MS) {
      requestedAt = performance.now();
      const timeoutError = (): Error =>
        Object.assign(
          new Error(`GitHub returned no OIDC token within ${formatDuration(ID_TOKEN_TIMEOUT_MS)}`),
          {
            hint: 'Run the workflow again. https://www.githubstatus.com shows whether GitHub has an incident; otherwise check the proxies and firewalls of the runner.',
          },
        );
      token = withTimeout(
        ID_TOKEN_TIMEOUT_MS,
        timeoutError,
        tokenProvider.requestIdToken(endpoints.oidcAudience),
      );
      token.catch((error: unknown) => {
        client.keep(error);
        token = undefined;
      });
    }
    return token;
  };
}

/** What to do, by Entra's error number (docs/azure-behavior.md#entra-error-codes). */
const HINTS_BY_ERROR_NUMBER: Readonly<Record<string, string>> = {
  AADSTS700016:
    'This tenant has no application with this client-id: check client-id (the application id, not the object id) and tenant-id.',
  AADSTS90002: 'This tenant does not exist in this cloud: check tenant-id and azure-environment.',
  AADSTS900023: 'tenant-id is neither an id nor a domain: copy it from az account show --query tenantId.',
  AADSTS7000215: 'The client secret is wrong: set its value, not its id, or create a new one.',
  AADSTS7000222:
    'The client secret has expired: create a new one, or use OpenID Connect, which does not need one.',
  AADSTS7000112: 'The application is disabled in this tenant: ask the administrator of the tenant.',
  AADSTS700024:
    'The OIDC token was used outside its validity of five minutes: check the clock of the runner.',
  AADSTS700027: 'The token is not signed by the issuer that the credential names: check the issuer.',
  AADSTS53003:
    'A Conditional Access policy for workload identities blocks the sign-in, often by the address of the runner: ask the administrator of the tenant to allow it, or use a runner with an allowed address.',
  AADSTS500011: 'The tenant does not know the resource of this cloud: check azure-environment and tenant-id.',
};

/** @param client with what its requests ended with, which the libraries do not report */
function toSignInError(
  { description: method, hint: methodHint, isHintForRefusals, advise }: CredentialChoice,
  error: unknown,
  client: SignInClient,
): Error {
  const refusal = describeSignInFailure(error);
  const errorNumber = /AADSTS\d+/.exec(refusal)?.[0];
  // Then Entra did not decide about the sign-in, so that its configuration is not the cause.
  const obstacle = client.obstacle ?? toObstacle(error);
  if (errorNumber === undefined && obstacle !== undefined) {
    const { text, hint, cause = error } = obstacle;
    return actionError('sign-in-failed', { method, reason: text, hint }, { cause });
  }
  if (errorNumber === undefined)
    return actionError(
      'sign-in-failed',
      { method, reason: refusal.replaceAll(/\s*\n\s*/g, ' ').trim(), hint: methodHint },
      { cause: error },
    );
  const line = refusal.split(/\r?\n/).find((text) => text.includes(errorNumber)) ?? refusal;
  const correlationId = /Correlation ID: ([0-9a-f-]{36})/i.exec(refusal)?.[1];
  const azure = {
    code: errorNumber,
    message: line.trim(),
    ...(correlationId ? { correlationId } : {}),
  };
  const hint =
    HINTS_BY_ERROR_NUMBER[errorNumber] ??
    (isHintForRefusals
      ? methodHint
      : `https://login.microsoftonline.com/error?code=${errorNumber.replace('AADSTS', '')} explains the error.`);
  return actionError(
    'sign-in-failed',
    { method, reason: errorNumber, hint, ...advise?.(errorNumber) },
    { cause: error, azure },
  );
}

/** The message of a library's error; of a chain of credentials, why each of them has no token. */
function describeSignInFailure(error: unknown): string {
  const { errors } = Object(error) as { readonly errors?: unknown };
  if (!Array.isArray(errors)) return getRawErrorMessage(error);
  return errors
    .map((each: unknown) => getRawErrorMessage(each).trim())
    .map((text) => (NO_MANAGED_IDENTITY.test(text) ? 'this runner has no managed identity' : text))
    .join('; ');
}

/** How the library reports that nothing answers at the address of a managed identity. */
const NO_MANAGED_IDENTITY = /^ManagedIdentityCredential: Network unreachable/;

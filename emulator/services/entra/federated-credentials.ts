import type { JWTPayload } from 'jose';
import { asObject, asString } from '../../core/json.ts';
import { GITHUB_OIDC_ISSUER } from '../oidc.ts';
import { EntraError } from './entra-errors.ts';

/** A federated credential of the application. Entra compares its three parts exactly. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** The audiences of federated credentials, one for each cloud. */
const AUDIENCES = [
  'api://AzureADTokenExchange',
  'api://AzureADTokenExchangeUSGov',
  'api://AzureADTokenExchangeChina',
];

const NO_MATCH_ADVICE =
  'Check your federated identity credential Subject, Audience and Issuer against the presented assertion. ' +
  'https://learn.microsoft.com/entra/workload-id/workload-identity-federation';

function noMatch(code: number, claim: string, value: string, more = ''): EntraError {
  return new EntraError(
    'invalid_client',
    code,
    `No matching federated identity record found for presented assertion ${claim} '${value}'. ${more}${NO_MATCH_ADVICE}`,
  );
}

function toCredential(value: unknown): FederatedCredential | undefined {
  const { issuer, subject, audience } = asObject(value);
  const [first, second, third] = [asString(issuer), asString(subject), asString(audience)];
  return first === undefined || second === undefined || third === undefined
    ? undefined
    : { issuer: first, subject: second, audience: third };
}

/**
 * Entra compares issuer, audience and subject exactly, and knows no wildcards.
 * @throws {EntraError} AADSTS700211, 700212, 700213 or 7002138 if no candidate matches the assertion
 */
export function matchCredential(candidates: readonly FederatedCredential[], claims: JWTPayload): void {
  const [issuer, audience, subject] = [String(claims.iss), String(claims.aud), String(claims.sub)];
  const byIssuer = candidates.filter((each) => each.issuer === issuer);
  if (byIssuer.length === 0) throw noMatch(700_211, 'issuer', issuer);
  const byAudience = byIssuer.filter((each) => each.audience === audience);
  if (byAudience.length === 0) throw noMatch(700_212, 'audience', audience);
  if (byAudience.some((each) => each.subject === subject)) return;
  if (byAudience.some((each) => each.subject.toLowerCase() === subject.toLowerCase()))
    throw noMatch(
      7_002_138,
      'subject',
      subject,
      'The subject matches with case-insensitive comparison, but not with case-sensitive comparison. ',
    );
  throw noMatch(700_213, 'subject', subject);
}

/** The federated credentials of the application that every emulator has. */
export class FederatedCredentials {
  readonly #trustedRepositories: readonly string[];
  #registered: readonly FederatedCredential[] | undefined;

  /** @param trustedRepositories whose subjects in the name form are registered until {@link register} is called */
  constructor(trustedRepositories: readonly string[]) {
    this.#trustedRepositories = trustedRepositories;
  }

  /** Replaces everything that is registered. @returns false if an entry is not a federated credential */
  register(entries: readonly unknown[]): boolean {
    const credentials = entries.map(toCredential).filter((entry) => entry !== undefined);
    if (credentials.length < entries.length) return false;
    this.#registered = credentials;
    return true;
  }

  /** What an assertion with this subject is compared with. */
  candidatesFor(subject: string): readonly FederatedCredential[] {
    return this.#registered ?? this.#defaultsFor(subject);
  }

  /** What would be registered for this subject if every subject of the trusted repositories were. */
  #defaultsFor(subject: string): readonly FederatedCredential[] {
    const context = subject.split(':').slice(2).join(':');
    return this.#trustedRepositories.flatMap((repository) =>
      AUDIENCES.map((audience) => ({
        issuer: GITHUB_OIDC_ISSUER,
        subject: `repo:${repository}:${context}`,
        audience,
      })),
    );
  }
}

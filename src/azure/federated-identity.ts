/** The claims of a job's OIDC token that a federated credential must match, and those that explain them. */
export interface PresentedIdentity {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly event: string;
}

/** Error numbers of Entra for an assertion that no federated credential matches. */
const NO_MATCH = ['AADSTS70021', 'AADSTS700211', 'AADSTS700212', 'AADSTS700213', 'AADSTS7002138'];

const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com';

/** Reads the claims without verification: they are only shown. @returns undefined if the token is not a JWT */
export function readClaims(token: string): PresentedIdentity | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const { iss, sub, aud, event_name: event } = claims as Readonly<Record<string, unknown>>;
    if (typeof iss !== 'string' || typeof sub !== 'string' || typeof aud !== 'string') return undefined;
    return { issuer: iss, subject: sub, audience: aud, event: typeof event === 'string' ? event : '' };
  } catch {
    return undefined;
  }
}

/** What to do about an assertion that no federated credential matches. */
export interface FederatedCredentialAdvice {
  readonly hint: string;
  /** The command that registers exactly what the job presents, as words; empty if the token cannot be read. */
  readonly command: readonly string[];
}

/**
 * Advice from the token that the job has presented (docs/azure-behavior.md#github-oidc-subjects).
 * @returns undefined for another error
 */
export function adviseOnFederatedCredential(
  errorNumber: string,
  token: string,
  clientId: string,
): FederatedCredentialAdvice | undefined {
  if (!NO_MATCH.includes(errorNumber)) return undefined;
  const presented = readClaims(token);
  if (presented === undefined)
    return {
      hint: 'Check that the application has a federated credential for this repository and branch, environment or pull request.',
      command: [],
    };
  const { issuer, subject, audience } = presented;
  return {
    hint: [
      `This job presents the subject '${subject}', the issuer '${issuer}' and the audience '${audience}', and no federated credential of the application has all three.`,
      explainMismatch(errorNumber, presented),
      'For a user-assigned managed identity, use az identity federated-credential create with the same values. For an application, register it with:',
    ].join(' '),
    command: [
      ...['az', 'ad', 'app', 'federated-credential', 'create', '--id', clientId, '--parameters'],
      JSON.stringify({ name: credentialName(subject), issuer, subject, audiences: [audience] }),
    ],
  };
}

/** Which part differs from what people usually register. */
function explainMismatch(errorNumber: string, { issuer, subject, event }: PresentedIdentity): string {
  if (errorNumber === 'AADSTS7002138')
    return 'A registered subject differs from it only in upper and lower case, which Entra compares: delete that credential, and create it again.';
  if (errorNumber === 'AADSTS700212')
    return 'The audience follows from azure-environment: check that input, or the audience of the credential.';
  if (issuer !== GITHUB_ISSUER)
    return `${describeIssuer(issuer)}: a credential for github.com does not match.`;
  const [, environment] = /:environment:([^:]*)$/.exec(subject) ?? [];
  return [
    /^repo:[^:]*@\d+\/[^:]*@\d+:/.test(subject)
      ? 'The subject contains the ids of owner and repository, as for each repository that was created, renamed or transferred since July 2026: a credential for the names alone does not match.'
      : !/^repo:[^/:]+\/[^/:]+:/.test(subject)
        ? 'The subject is customized for this repository or its organization: a credential for repo:OWNER/NAME does not match.'
        : '',
    environment !== undefined
      ? `The job has environment: ${decodePercent(environment)}, so a credential for a branch or for pull requests does not match.`
      : subject.endsWith(':pull_request')
        ? 'On pull_request, the subject contains no branch.'
        : event === 'pull_request_target'
          ? 'On pull_request_target, the subject contains the default branch, so a credential for pull_request does not match. The same environment: in both jobs gives them one subject.'
          : 'Without environment:, the subject contains the branch or tag of the run.',
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

/** Whose issuer it is, as far as its URL says it (docs/azure-behavior.md#github-oidc-token). */
function describeIssuer(issuer: string): string {
  if (issuer.startsWith(`${GITHUB_ISSUER}/`)) return 'The issuer is that of an enterprise';
  return issuer.endsWith('/_services/token')
    ? 'The issuer is a GitHub Enterprise Server'
    : `The issuer is not ${GITHUB_ISSUER}`;
}

/** GitHub encodes `:` in the name of an environment. */
const decodePercent = (text: string): string => text.replaceAll(/%3A/gi, ':');

/** A name that Entra accepts: 3 to 120 letters, digits, hyphens and underscores. */
const credentialName = (subject: string): string =>
  `github-${subject.replace(/[^A-Za-z0-9]+/g, '-')}`.slice(0, 120).replace(/-$/, '');

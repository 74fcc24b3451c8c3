import { encodedVariants } from '../../src/github/encoded-variants.ts';

/** A request to Azure Resource Manager (ARM) or Entra and its response, as they were on the network. */
export interface Exchange {
  readonly service: 'arm' | 'entra';
  /** ISO 8601, when the request was sent. */
  readonly at: string;
  readonly durationMs: number;
  readonly method: string;
  readonly url: string;
  readonly requestBody: string;
  /** Undefined if there was no response. */
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly responseBody: string;
}

/** What must not be in a recording. */
export interface SensitiveValues {
  /** Values by what replaces them, such as `{ server: 'gha-live-1' }`, which becomes `{server}`. */
  readonly names: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** The headers of a response that `docs/azure-behavior.md` states facts about. */
const RECORDED_HEADERS =
  /^(content-type|cache-control|retry-after|location|azure-asyncoperation|x-ms-failure-cause|x-ms-ratelimit-.*)$/;

/** The members of an answer of Entra that are facts and not credentials. */
const RECORDED_ENTRA_MEMBERS = ['error', 'error_codes', 'suberror', 'token_type', 'expires_in'];

const SECRET_MEMBER = /password|secret|token|assertion|credential/i;
/** Values of `passwordAuth` and `token_type`. */
const HARMLESS_VALUE = /^(Enabled|Disabled|Bearer)$/;
const PRINCIPAL_MEMBER = /^(createdBy|lastModifiedBy|principalId|principalName|objectId|clientId)$/;

/** What is replaced in every text, after the known secrets and names. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\beyJ[\w-]{8,}(?:\.[\w-]*)*/g, '{token}'],
  [/\b(gha-(?:temporary|kept)-)[\w-]+/g, '$1{ids}'],
  [/([?&])(?!api-version=)([\w$.-]+)=[^&\s"']*/g, '$1$2={value}'],
  [/\b(azureAsyncOperation|operationResults)\/[^/?\s"']+/gi, '$1/{operation}'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '{guid}'],
  [/(\/resourceGroups\/)(?!\{)[^/?\s"']+/gi, '$1{other}'],
  [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, '{principal}'],
  [/\b(?!0[.-]0[.-]0[.-]0\b|255\.255\.255\.255\b)\d{1,3}([.-])\d{1,3}\1\d{1,3}\1\d{1,3}\b/g, '{address}'],
  [/\b(?:[0-9a-f]{1,4}:){3,}[0-9a-f:]*/gi, '{address}'],
];

/**
 * One line of a recording: JSON without secrets, ids, names, addresses and principals. What is not known to be a fact is
 * left out: most headers, everything that Entra gets, bodies that are not JSON, and resources of other groups.
 */
export function sanitizeExchange(exchange: Exchange, sensitive: SensitiveValues): string {
  const { service, at, durationMs, method, url, status, headers, requestBody, responseBody } = exchange;
  const text = createTextSanitizer(sensitive);
  const { pathname, search } = new URL(url);
  const isArm = service === 'arm';
  const line = JSON.stringify({
    service,
    at,
    durationMs: Math.round(durationMs),
    method,
    path: text(`${pathname}${search}`),
    requestBody: isArm ? sanitizeBody(requestBody, text) : null,
    status: status ?? null,
    headers: Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => RECORDED_HEADERS.test(name))
        .map(([name, value]) => [name, text(String(value))]),
    ),
    body: sanitizeBody(isArm ? responseBody : pickMembers(responseBody, RECORDED_ENTRA_MEMBERS), text),
  });
  // The last line of defense, for a secret in a place that no rule covers.
  const isSafe = sensitive.secrets.every((secret) =>
    variantsOf(secret).every((each) => !line.includes(each)),
  );
  return isSafe ? line : JSON.stringify({ service, at, omitted: 'it contained a secret' });
}

const variantsOf = (secret: string): readonly string[] =>
  secret === '' ? [] : [...encodedVariants(secret), Buffer.from(secret).toString('base64')];

type TextSanitizer = (text: string) => string;

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function createTextSanitizer({ names, secrets }: SensitiveValues): TextSanitizer {
  const variants = secrets.flatMap(variantsOf).sort((a, b) => b.length - a.length);
  // The longest first, because one name can be a part of another.
  const byLength = Object.entries(names)
    .filter(([, value]) => value !== '')
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([name, value]) => [new RegExp(escapeRegExp(value), 'gi'), `{${name}}`] as const);
  return (text) => {
    const withoutSecrets = variants.reduce((rest, secret) => rest.replaceAll(secret, '{secret}'), text);
    return [...byLength, ...PATTERNS].reduce(
      (rest, [pattern, replacement]) => rest.replace(pattern, replacement),
      withoutSecrets,
    );
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pickMembers(text: string, members: readonly string[]): string {
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null) return '';
  return JSON.stringify(
    Object.fromEntries(Object.entries(parsed).filter(([name]) => members.includes(name))),
  );
}

/** @returns null for an empty body */
function sanitizeBody(body: string, text: TextSanitizer): unknown {
  if (body === '') return null;
  const parsed = parseJson(body);
  return parsed === undefined
    ? `{${Buffer.byteLength(body)} bytes that are not JSON}`
    : sanitizeJson(parsed, text);
}

function sanitizeJson(value: unknown, text: TextSanitizer): unknown {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return value.map((item) => sanitizeJson(item, text));
  if (typeof value !== 'object' || value === null) return value;
  const { id } = value as { readonly id?: unknown };
  if (typeof id === 'string' && /\/resourceGroups\/\{other\}/i.test(text(id)))
    return '{resource of another group}';
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [text(name), sanitizeMember(name, member, text)]),
  );
}

function sanitizeMember(name: string, member: unknown, text: TextSanitizer): unknown {
  if (typeof member === 'string') {
    if (SECRET_MEMBER.test(name) && !HARMLESS_VALUE.test(member)) return '{removed}';
    if (PRINCIPAL_MEMBER.test(name)) return '{principal}';
  }
  return sanitizeJson(member, text);
}

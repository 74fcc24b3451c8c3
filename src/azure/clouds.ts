import { HOST_SUFFIXES } from '../inputs/defaults.ts';
import type { CloudName } from '../inputs/types.ts';

/** The services of one cloud. */
export interface Endpoints {
  readonly authorityHost: string;
  readonly resourceManager: string;
  /** What follows a server's name in its host name. */
  readonly hostSuffix: string;
  /** Scope of ARM's tokens; the cloud's own, also if the endpoint is overridden. */
  readonly scope: string;
  /** Audience of GitHub's token in the exchange with Entra (documented in the README of Azure/login). */
  readonly oidcAudience: string;
  /** Whether the authority is overridden: Microsoft's instance discovery does not know it then. */
  readonly isLocalAuthority: boolean;
}

const CLOUDS: Readonly<Record<CloudName, { login: string; management: string; audience: string }>> = {
  AzureCloud: {
    login: 'https://login.microsoftonline.com',
    management: 'https://management.azure.com',
    audience: 'api://AzureADTokenExchange',
  },
  AzureUSGovernment: {
    login: 'https://login.microsoftonline.us',
    management: 'https://management.usgovcloudapi.net',
    audience: 'api://AzureADTokenExchangeUSGov',
  },
  AzureChinaCloud: {
    login: 'https://login.chinacloudapi.cn',
    management: 'https://management.chinacloudapi.cn',
    audience: 'api://AzureADTokenExchangeChina',
  },
};

/**
 * Services of different owners that answer with the caller's public IPv4 address. Two must agree; the third replaces one
 * that does not answer.
 */
const IP_ECHO_SERVICES = [
  'https://api.ipify.org',
  'https://checkip.amazonaws.com',
  'https://ipv4.icanhazip.com',
];

/** Of the emulator's servers. Names below `localhost` are reserved for loopback addresses (RFC 6761). */
const EMULATED_HOST_SUFFIX = '.postgres.database.azure.localhost';

/**
 * The endpoints of a cloud. `AZURE_AUTHORITY_HOST` and `AZURE_RESOURCE_MANAGER_ENDPOINT` override them only with a loopback
 * address, and only if GITHUB_API_URL is a loopback address too. An earlier step can set the former two with GITHUB_ENV
 * and listen on loopback, but the runner sets GITHUB_API_URL for each step.
 */
export function resolveEndpoints(cloud: CloudName, env: NodeJS.ProcessEnv): Endpoints {
  const { login, management, audience } = CLOUDS[cloud];
  const localAuthority = loopbackOverride(env, 'AZURE_AUTHORITY_HOST');
  const localResourceManager = loopbackOverride(env, 'AZURE_RESOURCE_MANAGER_ENDPOINT');
  return {
    authorityHost: localAuthority ?? login,
    resourceManager: localResourceManager ?? management,
    hostSuffix: localResourceManager === undefined ? HOST_SUFFIXES[cloud] : EMULATED_HOST_SUFFIX,
    scope: `${management}/.default`,
    oidcAudience: audience,
    isLocalAuthority: localAuthority !== undefined,
  };
}

/** The echo services; `IP_ECHO_URLS` (comma-separated) overrides them under the same conditions. */
export function resolveIpEchoUrls(env: NodeJS.ProcessEnv): readonly string[] {
  if (!isEmulated(env)) return IP_ECHO_SERVICES;
  const local = (env['IP_ECHO_URLS'] ?? '').split(',').map((url) => parseLoopbackUrl(url.trim()));
  return local.length >= 2 && local.every((url) => url !== undefined) ? local : IP_ECHO_SERVICES;
}

/** Whether this step runs against the emulator, where GitHub is on a loopback address too. */
const isEmulated = (env: NodeJS.ProcessEnv): boolean => parseLoopbackUrl(env['GITHUB_API_URL']) !== undefined;

const loopbackOverride = (env: NodeJS.ProcessEnv, name: string): string | undefined =>
  isEmulated(env) ? parseLoopbackUrl(env[name]) : undefined;

/** The URL without its trailing slash; undefined unless it is HTTPS on a loopback address, without credentials. */
export function parseLoopbackUrl(text: string | undefined): string | undefined {
  const url = text && URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') return undefined;
  const local =
    url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(url.hostname);
  return local ? url.href.replace(/\/$/, '') : undefined;
}

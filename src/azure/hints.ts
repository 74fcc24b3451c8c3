import type { AzureDetails } from '../common/errors.ts';

/** What to do; it can depend on what the request does, see {@link azureHint}. */
type Hint = string | ((doing: string) => string);

/** What to do, by Azure's error code (docs/azure-behavior.md#error-codes). */
const HINTS_BY_CODE: Readonly<Record<string, Hint>> = {
  AuthorizationFailed: (doing) =>
    /^creating resource group/.test(doing)
      ? 'The resource group does not exist. Create it and give the identity a role on it, such as Contributor, or give the identity that role on the subscription; then wait a few minutes until the assignment takes effect.'
      : "Give the identity a role on the server's resource group (or on the subscription) that may do this, such as Contributor, and wait a few minutes until the assignment takes effect.",
  LinkedAuthorizationFailed:
    'Give the identity a role also on the other resource that the message of Azure names.',
  InvalidAuthenticationToken:
    'Check azure-environment, tenant-id and subscription-id: the token is not for this subscription.',
  ExpiredAuthenticationToken: 'Run the workflow again; check the clock of the runner if it happens again.',
  SubscriptionNotFound: 'Check subscription-id, and that the identity has a role in that subscription.',
  InvalidSubscriptionId: 'Check subscription-id.',
  ResourceGroupNotFound: 'Check resource-group.',
  MissingSubscriptionRegistration:
    'Register the provider once: az provider register --namespace Microsoft.DBforPostgreSQL',
  LocationIsOfferRestricted:
    'The subscription cannot create servers in this region, although the message may suggest a retry: choose another region, or ask for quota at https://aka.ms/postgres-request-quota-increase',
  LocationNotAvailableForResourceType: 'Check region: az account list-locations -o table shows the names.',
  ParameterOutOfRange:
    'This version or size is not available to this subscription in this region: choose another region, postgres-version or sku-name.',
  ServerNameAlreadyExists: 'Server names are unique across Azure: choose another server-name.',
  ServerGroupDropping: 'A server of this name is being deleted: wait, or choose another server-name.',
  ScopeLocked: lockHint,
  RequestDisallowedByPolicy: 'A policy of the subscription forbids this: ask its administrator.',
  SubscriptionRequestsThrottled: 'Azure throttles the subscription: run fewer workflows at once, or later.',
  ServerStoppedError:
    'Start the server (az postgres flexible-server start), or run mode: ensure, which starts it unless start-if-stopped is false.',
  ServerIsBusy: 'The server is busy with another operation: run the workflow again.',
  ServerBusy: 'The server is busy with another operation: run the workflow again.',
  HostNotFound:
    'Set server-name to the short name of the server. Set resource-group too if this identity has rights only there.',
  UnexpectedHost:
    'Run the workflow again. If the error remains, check for a proxy that changes the responses of Azure.',
  EndlessList: 'Run the workflow again. If the error remains, report it to Azure with the correlation id.',
  InternalServerError: (doing) =>
    /^creating server/.test(doing)
      ? 'Azure reports no cause. A known one is a weak admin-password: use a longer one with upper-case and lower-case letters, digits and symbols. Otherwise run the workflow again; https://status.azure.com reports outages.'
      : 'Azure reports no cause. Check in the Azure portal that the server is Ready, and run the workflow again; https://status.azure.com reports outages.',
};

/** A lock against deletion permits every other change; a read-only lock permits none. */
function lockHint(doing: string): string {
  const isRule = /firewall rule/.test(doing);
  return /^deleting/.test(doing)
    ? `A lock against deletion on the server or its resource group forbids this: remove the lock.${isRule ? ' No temporary rule is needed if mode: ensure declares the addresses of this runner with allowed-ip-ranges.' : ''}`
    : `A read-only lock on the server or its resource group forbids this: remove the lock.${isRule ? ' A run needs no new rule if one for the addresses of this runner exists before the lock is set.' : ''}`;
}

const HINTS_BY_STATUS: Readonly<Record<number, string>> = {
  401: 'Check tenant-id, subscription-id and azure-environment.',
  403: "Give the identity a role on the server's resource group (or on the subscription) that may do this.",
  429: 'Azure throttles the subscription: run fewer workflows at once, or later.',
};

/**
 * What to do about an error of Azure.
 * @param doing what failed, to follow "while", such as `creating server 'x'`
 */
export function azureHint({ code, status }: AzureDetails, doing: string): string {
  const fallback =
    'Correct what Azure reports. If it reports nothing that you can correct, run the workflow again; https://status.azure.com reports outages.';
  const hint = Object.hasOwn(HINTS_BY_CODE, code) ? HINTS_BY_CODE[code] : undefined;
  return (
    (typeof hint === 'function' ? hint(doing) : hint) ??
    (status === undefined ? undefined : HINTS_BY_STATUS[status]) ??
    fallback
  );
}

/** Codes of a server that is busy with another operation (docs/azure-behavior.md#busy-servers). */
export const isBusyCode = (code: string): boolean =>
  ['ServerIsBusy', 'ServerBusy', 'SeverBusyWithOtherOperation', 'ServerBusyWithOtherOperation'].includes(
    code,
  );

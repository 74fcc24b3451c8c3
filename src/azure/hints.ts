import type { AzureDetails } from '../common/errors.ts';

/** What to do, by Azure's error code (docs/azure-behavior.md#error-codes). */
const HINTS_BY_CODE: Readonly<Record<string, string>> = {
  AuthorizationFailed:
    "Give the identity a role on the server's resource group (or on the subscription) that may do this, such as Contributor, and wait a few minutes until the assignment takes effect.",
  LinkedAuthorizationFailed: 'Give the identity rights on the linked resource too.',
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
  ScopeLocked:
    'A lock on the server or its resource group forbids this: remove the lock, or declare the rule with allowed-ip-ranges.',
  RequestDisallowedByPolicy: 'A policy of the subscription forbids this: ask its administrator.',
  SubscriptionRequestsThrottled: 'Azure throttles the subscription: run fewer workflows at once, or later.',
  ServerStoppedError: 'Start the server, or set start-if-stopped to true.',
  ServerIsBusy: 'The server is busy with another operation: run the workflow again.',
  ServerBusy: 'The server is busy with another operation: run the workflow again.',
  UnreadableAnswer:
    'The response came from a proxy or a sign-in page between this runner and Azure: check the network of the runner.',
  HostNotFound:
    'Set server-name to the short name of the server. Set resource-group too if this identity has rights only there.',
  UnexpectedHost:
    'Run the workflow again. If the error remains, check for a proxy that changes the responses of Azure.',
  EndlessList: 'Run the workflow again. If the error remains, report it to Azure with the correlation id.',
  InternalServerError:
    'Azure reports no cause. Known causes are a weak administrator password for a new server, and a server that is not Ready.',
};

const HINTS_BY_STATUS: Readonly<Record<number, string>> = {
  401: 'Check tenant-id, subscription-id and azure-environment.',
  403: "Give the identity a role on the server's resource group (or on the subscription) that may do this.",
  429: 'Azure throttles the subscription: run fewer workflows at once, or later.',
};

/** What to do about an error of Azure, in one sentence. */
export function azureHint({ code, status }: AzureDetails): string {
  const fallback =
    'Correct what Azure reports. If it reports nothing that you can correct, run the workflow again; https://status.azure.com reports outages.';
  return (
    (Object.hasOwn(HINTS_BY_CODE, code) ? HINTS_BY_CODE[code] : undefined) ??
    (status === undefined ? undefined : HINTS_BY_STATUS[status]) ??
    fallback
  );
}

/** Codes of a server that is busy with another operation (docs/azure-behavior.md#busy-servers). */
export const isBusyCode = (code: string): boolean =>
  ['ServerIsBusy', 'ServerBusy', 'SeverBusyWithOtherOperation', 'ServerBusyWithOtherOperation'].includes(
    code,
  );

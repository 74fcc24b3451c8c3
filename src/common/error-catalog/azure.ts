import { type ErrorEntry, type ErrorText, POSTGRESQL_DOCS_URL } from './error-entry.ts';
import { longList } from './lists.ts';

/** Errors of Azure Resource Manager, and servers that it cannot find or use. */
export const azureErrors = {
  'azure-request-failed': {
    meaning: `Azure rejected a request, an operation failed later, or something between the runner and Azure answered instead. The message names what the action was doing, and has Azure's own code, message and correlation id if Azure answered.`,
    causes: [
      'the identity has no role on the resource group (`AuthorizationFailed`), or the role was assigned a few minutes ago',
      'the provider is not registered in the subscription (`MissingSubscriptionRegistration`)',
      'the subscription cannot use the region (`LocationIsOfferRestricted`), or not this version or size in it (`ParameterOutOfRange`)',
      'a lock (`ScopeLocked`) or a policy (`RequestDisallowedByPolicy`) forbids the change',
      'a proxy, a gateway or a sign-in page answered: the message says that the answer is not one of Azure Resource Manager',
    ],
    remedies: [
      `Follow the advice after "What to do", which depends on Azure's code.`,
      'After a change of roles, wait a few minutes and run the workflow again.',
      'If Azure reports an internal error, run the workflow again. <https://status.azure.com> reports outages.',
    ],
    text: (p: { doing: string; hint: string }): ErrorText => ({
      summary: `A request to Azure failed while ${p.doing}.`,
      hint: p.hint,
    }),
  },
  'state-unknown': {
    meaning:
      'The action could not read whether a resource exists. It never creates or deletes a resource whose state is unknown, so the run ended.',
    causes: [
      'the identity may not read the resource',
      'Azure or the network failed',
      'a proxy answered instead of Azure',
    ],
    remedies: [
      'Give the identity a role that can read the resource, such as *Reader* or *Contributor* on the resource group.',
      'Otherwise follow the advice of the message, and run the workflow again.',
    ],
    text: (p: { what: string; reason: string; hint: string }): ErrorText => ({
      summary: `Could not determine whether ${p.what} exists: ${p.reason}`,
      hint: `${p.hint} The action never creates or deletes a resource whose state is unknown.`,
    }),
  },
  'server-not-found': {
    meaning:
      'The server does not exist where the action searched, so there is nothing to sweep. `drop` reports the same as a warning.',
    causes: [
      'server-name has a typing error',
      'the server is in another subscription or resource group',
      'the identity may not read the server',
      'the server was deleted',
    ],
    remedies: [
      'Correct `server-name`, `subscription-id` or `resource-group`, or give the identity a role on the resource group.',
      'If the server was deleted, remove the step.',
    ],
    text: (p: { server: string; subscription: string; resourceGroup: string | undefined }): ErrorText => ({
      summary: `Server '${p.server}' was not found in ${p.resourceGroup === undefined ? '' : `resource group '${p.resourceGroup}' of `}subscription ${p.subscription}. Nothing was checked or dropped.`,
      hint: 'Check server-name, subscription-id and resource-group, and that the identity can read the server. If the server was deleted, remove this step.',
    }),
  },
  'server-ambiguous': {
    meaning: 'The subscription has several servers of this name, in different resource groups.',
    causes: ['resource-group is not set'],
    remedies: ['Set `resource-group` to the group of the server that the step is for.'],
    text: (p: { server: string; groups: readonly string[] }): ErrorText => ({
      summary: `Several servers are named '${p.server}'. They are in the resource groups ${p.groups.slice(0, 20).join(', ')}${p.groups.length > 20 ? ' and others' : ''}.`,
      hint: 'Set resource-group to the group of the server that this step is for. Nothing was changed.',
    }),
  },
  'server-name-taken': {
    meaning:
      'A new server cannot have this name, because names are unique across Azure. If the server is yours, the identity cannot see it.',
    causes: [
      'somebody else has a server of this name',
      'the server is in another subscription, or in a resource group that the identity cannot read',
      'a server of this name was deleted in the last days',
    ],
    remedies: [
      'Choose another `server-name`.',
      'If the server is yours, correct `subscription-id` or `resource-group`, or give the identity a role on its group.',
    ],
    text: (p: { server: string; resourceGroup: string | undefined }): ErrorText => ({
      summary: `The server name '${p.server}' is in use, but this identity sees no such server in ${p.resourceGroup === undefined ? 'this subscription' : `resource group '${p.resourceGroup}'`}.`,
      hint: 'If the server is yours, correct resource-group or subscription-id, or let the identity read it. Otherwise choose another server-name: names are unique across Azure, and that of a deleted server stays reserved for days.',
    }),
  },
  'server-not-usable': {
    meaning: 'The server exists, but cannot be used in its state, or it was deleted during the run.',
    causes: [
      'it is being deleted',
      'it is stopped, and start-if-stopped is false',
      'its encryption key cannot be reached (Inaccessible)',
      'somebody stopped or deleted it during the run',
    ],
    remedies: [
      'Follow the advice for the state. The activity log of the server in the Azure portal shows who changed it.',
    ],
    text: (p: { server: string; state: string; hint: string }): ErrorText => ({
      summary:
        p.state === 'absent'
          ? `Server '${p.server}' no longer exists.`
          : `Server '${p.server}' is in state ${p.state}.`,
      hint: p.hint,
      url: `${POSTGRESQL_DOCS_URL}/troubleshoot/how-to-troubleshoot-common-connection-issues`,
    }),
  },
  'server-not-suitable': {
    meaning:
      'The server can never have what the inputs declare, or the mode cannot work with it. The message lists each reason with its remedy. Nothing was changed.',
    causes: [
      'firewall rules are declared for a server inside a virtual network',
      'the server is a read replica',
      'password authentication is disabled on the server',
      'a second database, or one for a pull request, is declared on an elastic cluster',
    ],
    remedies: [
      'Follow the remedy that is listed with each reason.',
      '[networks.md](networks.md) describes servers inside virtual networks.',
    ],
    text: (p: { server: string; mode: string; reasons: readonly string[] }): ErrorText => ({
      summary: `Mode ${p.mode} cannot work with server '${p.server}' and these inputs:${longList(p.reasons)}`,
      hint: 'Follow the remedy that is listed with each reason. Nothing was changed.',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

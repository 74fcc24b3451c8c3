import { type ErrorEntry, type ErrorText, POSTGRESQL_DOCS_URL } from './error-entry.ts';
import { longList } from './lists.ts';

/** Errors of Azure Resource Manager, and servers that it cannot find or use. */
export const azureErrors = {
  'azure-request-failed': {
    text: (p: { doing: string; hint: string }): ErrorText => ({
      summary: `A request to Azure failed while ${p.doing}.`,
      hint: p.hint,
    }),
  },
  'state-unknown': {
    text: (p: { what: string; reason: string; hint: string }): ErrorText => ({
      summary: `Could not determine whether ${p.what} exists: ${p.reason}`,
      hint: `${p.hint} The action never creates or deletes a resource whose state is unknown.`,
    }),
  },
  'server-not-found': {
    text: (p: { server: string; subscription: string; resourceGroup: string | undefined }): ErrorText => ({
      summary: `Server '${p.server}' was not found in ${p.resourceGroup === undefined ? '' : `resource group '${p.resourceGroup}' of `}subscription ${p.subscription}. Nothing was checked or dropped.`,
      hint: 'Check server-name, subscription-id and resource-group, and that the identity can read the server. If the server was deleted, remove this step.',
    }),
  },
  'server-ambiguous': {
    text: (p: { server: string; groups: readonly string[] }): ErrorText => ({
      summary: `Several servers are named '${p.server}'. They are in the resource groups ${p.groups.slice(0, 20).join(', ')}${p.groups.length > 20 ? ' and others' : ''}.`,
      hint: 'Set resource-group to the group of the server that this step is for. Nothing was changed.',
    }),
  },
  'server-name-taken': {
    text: (p: { server: string; resourceGroup: string | undefined }): ErrorText => ({
      summary: `The server name '${p.server}' is in use, but this identity sees no such server in ${p.resourceGroup === undefined ? 'this subscription' : `resource group '${p.resourceGroup}'`}.`,
      hint: 'If the server is yours, correct resource-group or subscription-id, or let the identity read it. Otherwise choose another server-name: names are unique across Azure, and that of a deleted server stays reserved for days.',
    }),
  },
  'server-not-usable': {
    text: (p: { server: string; state: string; hint: string }): ErrorText => ({
      summary: `Server '${p.server}' is in state ${p.state}.`,
      hint: p.hint,
      url: `${POSTGRESQL_DOCS_URL}/troubleshoot/how-to-troubleshoot-common-connection-issues`,
    }),
  },
  'server-not-suitable': {
    text: (p: { server: string; mode: string; reasons: readonly string[] }): ErrorText => ({
      summary: `Mode ${p.mode} cannot work with server '${p.server}' and these inputs:${longList(p.reasons)}`,
      hint: 'Follow the remedy that is listed with each reason. Nothing was changed.',
    }),
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

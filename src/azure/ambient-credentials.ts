// The credentials of a runner or an earlier step, as a chunk of the bundle without the others.
export { AzureCliCredential, ChainedTokenCredential, ManagedIdentityCredential } from '@azure/identity';

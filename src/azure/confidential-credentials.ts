// The credentials of an application, as a chunk of the bundle without the others.
export { ClientAssertionCredential, ClientSecretCredential } from '@azure/identity';

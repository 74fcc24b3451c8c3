/**
 * `node:crypto`, loaded at the first call: it is a large part of the start, and many runs end without it, such as a post
 * part with nothing to do.
 */
export const nodeCrypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');

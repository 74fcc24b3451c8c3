/**
 * `node:crypto`, loaded at the first call: it makes the start of Node.js a third longer, and many runs end without it, such
 * as a post part with nothing to do.
 */
export const nodeCrypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');

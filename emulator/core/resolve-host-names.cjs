// Preload for a Node.js process that connects to servers with host names (`--host-names`, see emulator/README.md). With
// `NODE_OPTIONS=--require=…/resolve-host-names.cjs`, the names in the file of `EMULATOR_HOSTS_FILE` resolve in that process,
// and every other name resolves as before. JavaScript, so that every version of Node.js can load it, and CommonJS, because
// an ES module would delay the start of each process more.
const dns = require('node:dns');
const { readFileSync } = require('node:fs');

/** The address in the file, which is read at each call, because servers come and go while the process runs. */
function findAddress(host) {
  const lines = readFileSync(process.env['EMULATOR_HOSTS_FILE'], 'utf8').split('\n');
  return lines.map((line) => line.split(' ')).find(([, name]) => name === host)?.[0];
}

/**
 * Whether this file was loaded by NODE_OPTIONS. Then programs with libpq that the process starts, such as a migration, get
 * the address of the server that the process has connected to.
 */
const isPreload =
  (process.env['NODE_OPTIONS'] ?? '').includes(JSON.stringify(__filename)) &&
  process.env['PGHOSTADDR'] === undefined;

/** The answer of getaddrinfo for a name that does not exist. */
function notFoundError(hostname) {
  const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
  return Object.assign(error, { errno: -3008, code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname });
}

/** Also for a server that does not exist, because the resolver of some machines answers every such name with 127.0.0.1. */
const isServer = (hostname) =>
  Boolean(process.env['EMULATOR_HOSTS_FILE']) && /\.localhost$/i.test(String(hostname));

function resolveServer(hostname, options) {
  const { all, family } = typeof options === 'object' && options !== null ? options : { family: options };
  const address = findAddress(hostname.toLowerCase());
  if (address === undefined || family === 6 || family === 'IPv6') throw notFoundError(hostname);
  if (isPreload) process.env['PGHOSTADDR'] = address;
  return all ? [{ address, family: 4 }] : { address, family: 4 };
}

const { lookup } = dns;
const { lookup: lookupPromise } = dns.promises;

// Every TCP client that is not given its own lookup calls this function: net, tls, http, https, fetch.
dns.lookup = function lookupServer(hostname, options, callback) {
  if (!isServer(hostname)) return lookup.call(dns, hostname, options, callback);
  const done = callback ?? options;
  queueMicrotask(() => {
    try {
      const answer = resolveServer(hostname, callback === undefined ? {} : options);
      if (Array.isArray(answer)) done(null, answer);
      else done(null, answer.address, answer.family);
    } catch (error) {
      done(error);
    }
  });
  return {};
};

dns.promises.lookup = async (hostname, options) =>
  isServer(hostname) ? resolveServer(hostname, options) : lookupPromise.call(dns.promises, hostname, options);

// Preload for a Node.js process that acts as a second runner. With `NODE_OPTIONS=--import=…/bind-source-address.mjs` and
// `EMULATOR_SOURCE_ADDRESS=127.0.0.2`, its connections to loopback come from that address, which identifies it (see `from`
// of `PUT control/client` in emulator/README.md). JavaScript, so that every version of Node.js can load it.
import { isIPv4, Socket } from 'node:net';

const source = process.env['EMULATOR_SOURCE_ADDRESS'];

function isLoopback(host) {
  return host === undefined || /(^|\.)localhost$/.test(host) || (isIPv4(host) && host.startsWith('127.'));
}

function withSource(options) {
  if (typeof options !== 'object' || options === null || options.path || options.localAddress) return options;
  if (!isLoopback(options.host)) return options;
  // `localhost` can resolve to ::1, which an IPv4 source address cannot reach.
  return { ...options, localAddress: source, family: 4 };
}

/** Supports every form of the arguments of `connect`: normalized by net, options, or port and host. */
function withSourceArguments(args) {
  const [first, second] = args;
  if (Array.isArray(first)) {
    // Changed in place, because net marks the array as normalized.
    first[0] = withSource(first[0]);
    return args;
  }
  if (typeof first === 'object') return [withSource(first), ...args.slice(1)];
  if (Number.isNaN(Number(first))) return args;
  const hasHost = typeof second === 'string';
  const options = hasHost ? { port: Number(first), host: second } : { port: Number(first) };
  return [withSource(options), ...args.slice(hasHost ? 2 : 1)];
}

if (source !== undefined && source !== '') {
  // Every TCP client calls this method: http, https, tls, fetch, and clients that create sockets.
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function connectFromSource(...args) {
    return connect.apply(this, withSourceArguments(args));
  };
}

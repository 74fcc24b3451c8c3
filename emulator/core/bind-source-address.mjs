// Preload for a Node process that is to be a second runner: `NODE_OPTIONS=--import=…/bind-source-address.mjs` with
// `EMULATOR_SOURCE_ADDRESS=127.0.0.2` makes its connections to loopback come from that address, by which the
// emulator tells it apart (control/client, `from`). Plain JavaScript, so that every Node can load it.
import { isIPv4, Socket } from 'node:net';

const source = process.env['EMULATOR_SOURCE_ADDRESS'];

function isLoopback(host) {
  return host === undefined || host === 'localhost' || (isIPv4(host) && host.startsWith('127.'));
}

function withSource(options) {
  if (typeof options !== 'object' || options === null || options.path || options.localAddress) return options;
  if (!isLoopback(options.host)) return options;
  // `localhost` may mean ::1 first, which an IPv4 source cannot reach.
  return { ...options, localAddress: source, family: 4 };
}

/** Every form of arguments that `connect` takes: normalised by net itself, options, or port and host. */
function withSourceArguments(args) {
  const [first, second] = args;
  if (Array.isArray(first)) {
    // The array carries net's own mark, so it is changed in place.
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
  // Everything that speaks TCP goes through here: http, https, tls, fetch, and clients that make their own sockets.
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function connectFromSource(...args) {
    return connect.apply(this, withSourceArguments(args));
  };
}

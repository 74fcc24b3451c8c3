/** Milliseconds that are enough for a step of a TLS handshake in the same region. */
const PAUSE_MS = 2;

/**
 * Lets the event loop handle what has arrived from the network. Loading a chunk of the bundle blocks it for tens of
 * milliseconds, and Node.js loads one chunk after another without a pause, so a request could not be sent in the meantime.
 */
export const networkPause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** webpack's function that loads a chunk of the bundle; not defined where the sources run without a bundle. */
declare let __webpack_chunk_load__: (chunkId: number) => Promise<unknown>;

/**
 * Makes the bundle load each chunk in a turn of the event loop of its own. Loading a chunk blocks the loop for up to some
 * tens of milliseconds, and an `import()` loads several, so what has arrived from the network is handled in between.
 */
export function loadChunksInTurns(): void {
  if (typeof __webpack_chunk_load__ === 'undefined') return;
  const load = __webpack_chunk_load__;
  let turn: Promise<unknown> = Promise.resolve();
  __webpack_chunk_load__ = (chunkId) => {
    const loaded = turn.then(() => load(chunkId));
    turn = loaded.then(nextTurn, nextTurn);
    return loaded;
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

import { expect, test } from 'vitest';
import { loadChunksInTurns } from '../../../src/common/chunk-loading.ts';

const bundle: { __webpack_chunk_load__?: (chunkId: number) => Promise<unknown> } = globalThis as object;

test('what has arrived from the network is handled between two chunks of one import, also after one that fails', async ({
  onTestFinished,
}) => {
  const events: string[] = [];
  bundle.__webpack_chunk_load__ = async (chunkId) => {
    events.push(`chunk ${chunkId}`);
    setImmediate(() => events.push('network'));
    if (chunkId === 2) throw new Error('not readable');
  };
  onTestFinished(() => {
    delete bundle.__webpack_chunk_load__;
  });
  loadChunksInTurns();
  const load = bundle.__webpack_chunk_load__;
  const loaded = await Promise.allSettled([load(1), load(2), load(3)]);
  expect(loaded.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(events.slice(0, 5)).toEqual(['chunk 1', 'network', 'chunk 2', 'network', 'chunk 3']);
});

test('sources without a bundle run as they are', () => {
  expect(bundle).not.toHaveProperty('__webpack_chunk_load__');
  expect(loadChunksInTurns).not.toThrow();
});

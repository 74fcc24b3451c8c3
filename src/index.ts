// Must be the first import: the libraries of other modules read the environment when they are loaded.
import './common/environment.ts';
import { loadChunksInTurns } from './common/chunk-loading.ts';
import { replaceStandardOutput } from './common/standard-output.ts';
import { ActionsRuntime } from './github/actions.ts';
import { runMain } from './main.ts';
import { runPost } from './post.ts';

loadChunksInTurns();
replaceStandardOutput();

/** post.js passes `--post`. The action's state cannot select the entry point, because main may not have saved any. */
const entrypoint = process.argv.includes('--post') ? runPost : runMain;

// A first signal must not end the process while no other listener exists, so that the run can write its outputs and clean
// up. A run that begins after the signal gets it when it adds its listener.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    if (process.listenerCount(signal) > 0) return;
    const repeatSignal = (event: string | symbol): void => {
      if (event !== signal) return;
      process.off('newListener', repeatSignal);
      setImmediate(() => process.emit(signal, signal));
    };
    process.on('newListener', repeatSignal);
  });

process.exitCode = await new ActionsRuntime().run(entrypoint);
// Idle sockets of the SDK's agents would delay the end of the process by seconds.
process.exit();

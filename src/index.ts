// Must be the first import: the libraries of other modules read the environment when they are loaded.
import './common/environment.ts';
import { ActionsRuntime } from './github/actions.ts';

// A first signal must not end the process while no other listener exists, so that the run can write its outputs and clean up.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => {});

/**
 * post.js passes `--post`. The action's state cannot select the entry point, because main may not have saved any. Each
 * `import()` of this bundle becomes a file of its own, which is loaded only when it is needed.
 */
const entrypoint = process.argv.includes('--post')
  ? (await import('./post.ts')).runPost
  : (await import('./main.ts')).runMain;

process.exitCode = await new ActionsRuntime().run(entrypoint);
// Idle sockets of the SDK's agents would delay the end of the process by seconds. Flushes standard output first.
process.stdout.write('', () => process.exit());

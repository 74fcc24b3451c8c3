// First, before any other module loads a library that reads the environment.
import './common/environment.ts';
import { ActionsRuntime } from './github/actions.ts';
import { runMain } from './main.ts';
import { runPost } from './post.ts';

/** The door: `post.js` asks for the other half by this argument, and by nothing that main may never have written. */
const entrypoint = process.argv.includes('--post') ? runPost : runMain;

// Also while nothing listens any more that would end the run by it, a first signal must not end the process: what is to be
// written and removed at the end is.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => {});

process.exitCode = await new ActionsRuntime().run(entrypoint);
// Idle sockets of the SDK's agents would hold the process for seconds more; what was written is flushed first.
process.stdout.write('', () => process.exit());

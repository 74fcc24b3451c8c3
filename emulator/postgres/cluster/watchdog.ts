import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Waits for the emulator's end by waiting for the end of its standard input, which the kernel closes however the
 * emulator dies, SIGKILL included. Then it ends what still runs in the factory's directory and removes it. A PID is
 * trusted only if that process works in the very data directory that names it.
 */
const CLEANUP_SCRIPT = `
cat >/dev/null
for file in "$1"/*/postmaster.pid; do
  read -r pid <"$file" || continue
  [ "$(readlink "/proc/$pid/cwd")" = "\${file%/postmaster.pid}" ] && kill -QUIT "$pid"
done
tries=0
while ! rm -rf "$1" && [ $((tries += 1)) -lt 50 ]; do sleep 0.1; done
`;

/** A process beside the emulator that cleans up after it. */
export interface Watchdog {
  /** After everything has been stopped in order: let it go, and wait until it has. */
  stop(): Promise<void>;
}

/** Watch over a factory's directory. Its own session keeps a Ctrl-C, meant for the emulator, away from it. */
export function startWatchdog(directory: string): Watchdog {
  const child = spawn('/bin/sh', ['-c', CLEANUP_SCRIPT, 'sh', directory], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  return {
    async stop() {
      const hasExited = child.exitCode !== null || child.signalCode !== null;
      if (child.pid === undefined || hasExited) return;
      child.ref();
      const exited = once(child, 'exit');
      child.stdin.end();
      await exited;
    },
  };
}

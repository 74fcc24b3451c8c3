import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Waits for the end of its standard input, which the kernel closes when the emulator ends, even by SIGKILL. Then it ends the
 * servers in the directory of the factory and removes the directory. It kills a PID only if the working directory of that
 * process is the data directory that contains the PID.
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

/** A separate process that cleans up after the emulator. */
export interface Watchdog {
  /** Start the cleanup and wait for its end. The servers must be stopped. */
  stop(): Promise<void>;
}

/** Start a watchdog for the directory of a factory. It runs in a separate session, so that Ctrl-C does not end it. */
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

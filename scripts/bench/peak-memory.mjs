// Preload of a job that runs beside many others. It writes the peak memory of its process, in MiB, to the file in
// BENCH_PEAK_FILE. JavaScript, because loading it must take as little time as possible.
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

// Azure does not compute on the cores of the runners, so the emulator must not wait for them.
setPriority(5);

process.on('exit', () =>
  writeFileSync(process.env.BENCH_PEAK_FILE, String(process.resourceUsage().maxRSS / 1024)),
);

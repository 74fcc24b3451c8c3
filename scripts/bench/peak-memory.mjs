// Preload that writes the peak memory of its process, in MiB, to the file in BENCH_PEAK_FILE. JavaScript, as every preload of a
// measured process: its own loading must take as little as possible.
import { writeFileSync } from 'node:fs';

process.on('exit', () =>
  writeFileSync(process.env.BENCH_PEAK_FILE, String(process.resourceUsage().maxRSS / 1024)),
);

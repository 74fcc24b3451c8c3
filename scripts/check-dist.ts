import { execFileSync } from 'node:child_process';
import { build } from './build.ts';

// `git diff` would miss untracked files, so: rebuild from nothing, then the status must be empty.
await build('dist');
const status = execFileSync('git', ['status', '--porcelain', '--', 'dist'], { encoding: 'utf8' });
if (status !== '') {
  console.error(`dist/ is not what src/ builds:\n${status}Run \`npm run build\` and commit dist/.`);
  process.exit(1);
}

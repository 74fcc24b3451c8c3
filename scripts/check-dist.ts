import { execFileSync } from 'node:child_process';
import { build } from './build.ts';

// `git status`, because `git diff` misses untracked files.
await build('dist');
const status = execFileSync('git', ['status', '--porcelain', '--', 'dist'], { encoding: 'utf8' });
if (status !== '') {
  console.error(`dist/ is out of date:\n${status}Run \`npm run build\` and commit dist/.`);
  process.exit(1);
}

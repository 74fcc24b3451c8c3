import { expect, test } from 'vitest';
import { changedGitHubTexts, readGitHubTexts } from '../../workflow-runner/github-report.ts';

const stateWith = (comment: string, issue: string, state: string) => ({
  repositories: {
    'mona/rockets': {
      comments: {
        7: [{ user: { login: 'github-actions[bot]' }, body: `<!-- mark\nof two lines -->\n${comment}` }],
      },
      issues: { 9: { title: 'Drift', state, body: issue } },
    },
  },
});

test('the texts of a run are the comments and issues that it has written or closed, as GitHub renders them', () => {
  const before = readGitHubTexts(stateWith('Hello', 'One difference', 'open'));
  expect(changedGitHubTexts({}, before)).toEqual([
    'Comment of github-actions[bot] on #7 of mona/rockets:\nHello',
    'Issue #9 of mona/rockets, open:\nDrift\n\nOne difference',
  ]);
  expect(changedGitHubTexts(before, readGitHubTexts(stateWith('Hello', 'One difference', 'closed')))).toEqual(
    ['Issue #9 of mona/rockets, closed:\nDrift\n\nOne difference'],
  );
  expect(changedGitHubTexts(before, readGitHubTexts(stateWith('Bye', 'One difference', 'open')))).toEqual([
    'Comment of github-actions[bot] on #7 of mona/rockets:\nBye',
  ]);
});

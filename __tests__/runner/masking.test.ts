import { describe, expect } from 'vitest';
import { SecretMasker } from '../../workflow-runner/secret-masker.ts';
import { scriptStep, test, workflowWithSteps } from '../helpers/runner/workflow-test.ts';

const difficultSecret = `p@ss:w/rd%25"'$\`<space>é`;

function createMasker(...secrets: readonly string[]): SecretMasker {
  const masker = new SecretMasker();
  for (const secret of secrets) masker.add(secret);
  return masker;
}

describe('the runner masks secrets as GitHub’s runner does', () => {
  test('in the encodings in which programs print them', () => {
    const masker = createMasker(difficultSecret);
    const forms = [
      difficultSecret,
      Buffer.from(difficultSecret).toString('base64'),
      JSON.stringify(difficultSecret).slice(1, -1),
      encodeURIComponent(difficultSecret),
      difficultSecret.replaceAll("'", "''"),
      difficultSecret.replaceAll('"', '\\"'),
    ];
    for (const form of forms) expect(masker.mask(`<${form}>`)).toBe('<***>');
  });

  test.each(['', 'u', 'us', 'user:'])('in base64 after %j, whose length shifts the characters', (before) => {
    const encoded = Buffer.from(`${before}a longer secret than most`).toString('base64');
    expect(createMasker('a longer secret than most').containsSecret(encoded)).toBe(true);
  });

  test('each line of a secret with several lines', () => {
    const masker = createMasker('first line\nsecond line');
    expect(masker.mask('x first line y')).toBe('x *** y');
    expect(masker.mask('second line')).toBe('***');
  });

  test('with one mask for overlapping and adjacent secrets', () => {
    expect(createMasker('abc', 'cde').mask('abcde abcabc')).toBe('*** ***');
  });

  test('and masks nothing for an empty secret', () => {
    expect(createMasker('', '  ', '\n').mask('a b')).toBe('a b');
  });
});

test("a workflow's secrets, its token and what add-mask names are masked in the whole log", async ({
  run,
}) => {
  const { log } = await run(
    workflowWithSteps(
      scriptStep('echo "one $SECRET two"', 'env:\n  SECRET: ${{ secrets.PASSWORD }}'),
      scriptStep('echo "token ${{ github.token }}"'),
      scriptStep(`
        echo "before: later-one"
        echo "::add-mask::later-one"
        echo "after: later-one"
        echo "::add-mask::multi%0Aline"
        echo "and multi, and line"`),
      scriptStep('echo "# The later-one" >> "$GITHUB_STEP_SUMMARY"\necho "::error::The later-one"'),
    ),
    { secrets: { PASSWORD: difficultSecret } },
  );
  expect(log).not.toContain(difficultSecret);
  expect(log).toContain('one *** two');
  expect(log).toMatch(/token \*\*\*$/m);
  expect(log).toContain('after: ***');
  expect(log).toContain('and ***, and ***');
  expect(log).toContain('# The ***');
  expect(log).toContain('Error: The ***');
});

test('a job output that contains a masked value is dropped with a warning; jobs that need the job get the others', async ({
  run,
}) => {
  const { exitCode, log } = await run(`
on: push
jobs:
  first:
    runs-on: ubuntu-latest
    outputs:
      host: \${{ steps.made.outputs.host }}
      url: \${{ steps.made.outputs.url }}
    steps:
      - id: made
        run: |
          echo "::add-mask::hidden-word"
          echo "host=db.example.com" >> "$GITHUB_OUTPUT"
          echo "url=postgresql://u:hidden-word@db.example.com/d" >> "$GITHUB_OUTPUT"
      - run: echo "within the job [\${{ steps.made.outputs.url }}]"
  second:
    needs: first
    runs-on: ubuntu-latest
    steps:
      - run: echo "host [\${{ needs.first.outputs.host }}] url [\${{ needs.first.outputs.url }}]"
`);
  expect(exitCode).toBe(0);
  expect(log).toContain('within the job [postgresql://u:***@db.example.com/d]');
  expect(log).toContain("Warning: Skip output 'url' since it may contain secret.");
  expect(log).toContain('host [db.example.com] url []');
});

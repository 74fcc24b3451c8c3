import { describe, expect, test } from 'vitest';
import {
  findBlockProblems,
  findCopyProblems,
  findUntestedWorkflows,
} from '../helpers/consistency/documents/checks.ts';
import { findLinkProblems } from '../helpers/consistency/documents/links.ts';
import { findNameProblems } from '../helpers/consistency/documents/names.ts';
import { findVariableProblems } from '../helpers/consistency/documents/variables.ts';
import { findWordProblems } from '../helpers/consistency/documents/words.ts';
import { type Document, type Problem, parseDocument, readDocuments } from '../helpers/document.ts';

const documents = readDocuments();
const documentsByPath = new Map(documents.map((document) => [document.path, document]));

type Check = (document: Document) => readonly Problem[] | Promise<readonly Problem[]>;

/** The checks of every document, by what they guarantee. */
const checks: Readonly<Record<string, Check>> = {
  'its links lead to files and headings that exist': (document) =>
    findLinkProblems(document, documentsByPath),
  'its code blocks are valid in their language': findBlockProblems,
  'its copies of files are identical to the files': findCopyProblems,
  'its code uses variables that the action publishes': findVariableProblems,
  'the inputs, outputs, errors, scripts and paths that it names exist': findNameProblems,
  'it uses plain words, and no path outside the repository': findWordProblems,
};

const problemsOf = async (check: Check, document: Document): Promise<readonly string[]> =>
  (await check(document)).map(({ line, text }) => `${document.path}:${line}: ${text}`);

test('all documents are found', () => {
  expect(documents.length).toBeGreaterThan(10);
  expect([...documentsByPath.keys()]).toContain('README.md');
  expect(documents.flatMap(({ blocks }) => blocks).length).toBeGreaterThan(20);
});

describe.each(documents.map((document) => [document.path, document] as const))('%s', (_, document) => {
  test.each(Object.entries(checks))('%s', async (_, check) => {
    expect(await problemsOf(check, document)).toEqual([]);
  });
});

describe('README.md', () => {
  const [readme] = documents.filter(({ path }) => path === 'README.md');

  test('has at most 150 lines beside the workflows', () => {
    const prose = readme?.text.replaceAll(/^```yaml\n.*?^```$/gms, '') ?? '';
    expect(prose.trimEnd().split('\n').length).toBeLessThanOrEqual(150);
  });

  test('its workflows are files of examples/, which a test runs', async () => {
    expect(readme && (await problemsOf(findUntestedWorkflows, readme))).toEqual([]);
  });
});

const fence = (language: string, code: string): string => `\`\`\`${language}\n${code}\n\`\`\`\n`;
const ownStep = (inputs: string): string =>
  fence('yaml', `- uses: OWNER/azure-postgresql-action@v1\n  with: { ${inputs} }`);

describe('the checks find', () => {
  const allChecks: Check = async (document) =>
    (
      await Promise.all([...Object.values(checks), findUntestedWorkflows].map((check) => check(document)))
    ).flat();

  test.each<readonly [what: string, markdown: string, line: number, problem: RegExp]>([
    ['a link to a missing file', 'a\n[b](nowhere.md)', 2, /nowhere\.md does not exist/],
    ['a link to a missing heading', '# A heading\n[b](#a-header)', 2, /no heading #a-header.* #a-heading/],
    ['a link to a missing heading of another file', '[b](README.md#nothing)', 1, /README\.md has no heading/],
    ['a link out of the repository', '[b](../other/README.md)', 1, /leaves the repository/],
    ['a missing image in HTML', '<img src="docs/images/nothing.png">', 1, /does not exist/],
    ['a link without TLS', '[b](http://example.com)', 1, /https/],
    ['a code block without a language', fence('', 'a'), 1, /no language/],
    ['a language without a check', fence('cobol', 'a'), 1, /'cobol'/],
    ['YAML that is not valid', fence('yaml', 'a: [b'), 2, /YAML is not valid/],
    [
      'an unknown key of a step',
      fence('yaml', '- run: a\n  with-inputs: b'),
      2,
      /Unexpected value 'with-inputs'/,
    ],
    [
      'an unknown key of a workflow',
      fence('yaml', 'jobs: { a: { runs-on: b, steps: [{ run: c }], x: y } }'),
      2,
      /'x'/,
    ],
    ['an unknown input', ownStep('servername: demo'), 3, /no input 'servername'/],
    [
      'an invalid value of an input',
      ownStep('server-name: demo-relecloud, mode: ensured'),
      3,
      /mode is 'ensured'/,
    ],
    [
      'an invalid value in a config-file',
      fence('yaml', 'server-name: demo\nregion: westeurope\nmode: x'),
      4,
      /'\/mode'/,
    ],
    [
      'a workflow without an input that it needs',
      fence(
        'yaml',
        'jobs:\n  a:\n    runs-on: b\n    steps:\n      - uses: OWNER/azure-postgresql-action@v1',
      ),
      2,
      /server-name/,
    ],
    ['a shell command that does not parse', fence('sh', 'true\nif true; do'), 3, /bash cannot parse/],
    ['an unknown npm script', fence('sh', 'npm run nothing'), 2, /script 'nothing'/],
    [
      'a missing file of the repository',
      fence('sh', 'cat examples/nothing.yml'),
      2,
      /examples\/nothing\.yml/,
    ],
    ['SQL that does not parse', fence('sql', 'SELECT 1;\nSELEC 2;'), 3, /PostgreSQL cannot parse/],
    ['JSON that is not valid', fence('json', '{a}'), 2, /JSON is not valid/],
    ['JavaScript that does not parse', fence('js', 'const a = = 1'), 2, /js does not parse/],
    ['a diagram that does not parse', fence('mermaid', 'flowchart LR\n  a --'), 2, /Mermaid cannot parse/],
    [
      'a variable that is not published',
      fence('ruby', "\nENV['DB_USERNAME']"),
      3,
      /does not publish DB_USERNAME/,
    ],
    [
      'a copy that differs from its file',
      `<!-- examples/deploy.yml -->\n${fence('yaml', 'name: x')}`,
      3,
      /differs from/,
    ],
    [
      'a workflow that is no copy',
      fence('yaml', 'jobs: { a: { runs-on: b, steps: [{ run: c }] } }'),
      2,
      /no copy/,
    ],
    ['a misspelled input', 'Set `admin-pasword`.', 1, /mean 'admin-password'/],
    ['an invalid value in a sentence', 'Set\n`on-drift: never`.', 2, /on-drift is 'never'/],
    [
      'an unknown error in a table',
      '| error | meaning |\n| --- | --- |\n| `gone-away` | x |',
      3,
      /no error 'gone-away'/,
    ],
    ['an unknown npm script in a sentence', 'Run `npm run nothing`.', 1, /script 'nothing'/],
    ['a forbidden word', 'a\nDo it by hand.', 2, /"by hand".*manually/],
    ['a path of one machine', 'In `/root/project/file`.', 1, /outside the repository/],
  ])('%s', async (_, markdown, line, problem) => {
    const problems = await allChecks(parseDocument('EXAMPLE.md', markdown));
    expect(problems).toContainEqual({ line, text: expect.stringMatching(problem) });
  });

  test('nothing in a valid document', async () => {
    const valid = [
      '# Title `mode`',
      '[Title](#title-mode), [a file](docs/drift.md), [a page](https://example.com/a#b)',
      ownStep('server-name: "${{ vars.SERVER }}", mode: check, resource-group: relecloud'),
      fence('yaml', 'with:\n  on-drift: fix'),
      fence('yaml', '- run: a\n  background: true\n- wait-all:\n- parallel:\n    - run: b'),
      fence('yaml', 'spring:\n  datasource:\n    url: ${JDBC_DATABASE_URL}'),
      fence('sh', 'psql "$DATABASE_URL" -c "SELECT 1" # examples/deploy.yml'),
      fence('sql', '\\c relecloud\nGRANT "role" TO relecloud_admin;'),
      fence('ts', 'export const host: string = process.env.DB_HOST ?? "";'),
      fence('json', '{"a": {…}}'),
    ].join('\n\n');
    expect(await allChecks(parseDocument('EXAMPLE.md', valid))).toEqual([]);
  });
});

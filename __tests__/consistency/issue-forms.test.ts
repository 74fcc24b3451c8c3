import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { repositoryRoot } from '../helpers/root.ts';

interface Field {
  readonly type: string;
  readonly id?: string;
  readonly attributes: {
    readonly label?: string;
    readonly options?: readonly (string | { label: string })[];
  };
  readonly validations?: { readonly required: boolean };
}

interface Form {
  readonly name: string;
  readonly description: string;
  readonly body: readonly Field[];
}

const folder = join(repositoryRoot, '.github', 'ISSUE_TEMPLATE');
const forms: readonly (readonly [string, Form])[] = globSync('*.yml', {
  cwd: folder,
  exclude: ['config.yml'],
}).map((file) => [basename(file, '.yml'), parse(readFileSync(join(folder, file), 'utf8'))]);

/** GitHub shows no form with an error, and says so only to who opens its file. */
describe.each(forms)('the issue form %s', (_, { name, description, body }) => {
  const fields = body.filter(({ type }) => type !== 'markdown');

  test('has a name, a description, and fields of known types with unique ids and labels', () => {
    expect([name, description].every((text) => text.length > 3)).toBe(true);
    for (const { type } of fields) expect(['input', 'textarea', 'dropdown', 'checkboxes']).toContain(type);
    const ids = fields.map(({ id }) => id);
    expect(ids.every((id) => /^[a-z-]+$/.test(id ?? ''))).toBe(true);
    expect(new Set(ids).size).toBe(fields.length);
    expect(new Set(fields.map(({ attributes }) => attributes.label)).size).toBe(fields.length);
  });

  test('offers different options', () => {
    for (const { attributes } of fields) {
      const options = (attributes.options ?? []).map((option) =>
        typeof option === 'string' ? option : option.label,
      );
      expect(options.every((option) => typeof option === 'string' && option !== '')).toBe(true);
      expect(new Set(options).size).toBe(options.length);
    }
  });
});

test('a bug report needs the version, the workflow and the debug log', () => {
  const body = forms.find(([name]) => name === 'bug-report')?.[1].body ?? [];
  const required = body.filter(({ validations }) => validations?.required).map(({ id }) => id);
  expect(required).toEqual(expect.arrayContaining(['version', 'workflow', 'log']));
});

import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { readFileWithLimit, rejectLinkOutOfWorkspace, replaceFile } from '../../../src/common/files.ts';
import { checkEnvFile } from '../../../src/publish/env-file.ts';
import { writeDriftReports } from '../../../src/reporting/drift-report.ts';
import { test as base } from '../../helpers/unit/test.ts';

const test = base
  /** A folder outside the workspace. */
  .extend('outside', async ({ onTestFinished }) => {
    const outside = mkdtempSync(join(tmpdir(), 'outside-'));
    onTestFinished(() => rmSync(outside, { recursive: true }));
    return outside;
  });

const check = {
  server: 'demo',
  serverId: undefined,
  database: undefined,
  findings: [],
  wideOpenRules: [],
  checkedAt: new Date(0),
  repository: 'relecloud/space-travel',
  runUrl: undefined,
  configSource: undefined,
  workflowFile: undefined,
};

const publishConfig = {
  exportEnv: true,
  envPrefix: 'DB_',
  formats: ['url'] as const,
  sslMode: 'require' as const,
};

describe('the action does not follow a symbolic link out of the workspace', () => {
  test.for(['report.json', 'report.sarif'])(
    '%s: a link with the name of a report is replaced, and its target is not changed',
    async (name, { workspace, outside }) => {
      const target = join(outside, 'bashrc');
      writeFileSync(target, 'precious');
      symlinkSync(target, join(workspace, name));
      await writeDriftReports([name], check);
      expect(readFileSync(target, 'utf8')).toBe('precious');
      expect(lstatSync(join(workspace, name)).isFile()).toBe(true);
    },
  );

  test('a report in a folder that links to the outside is rejected, and nothing is written there', async ({
    workspace,
    outside,
  }) => {
    symlinkSync(outside, join(workspace, 'reports'));
    for (const path of ['reports/a.json', 'reports/new/a.json'])
      await expect(writeDriftReports([path], check)).rejects.toThrow(
        `${path}: a symbolic link at reports leads out of the workspace`,
      );
    expect(existsSync(join(outside, 'a.json')) || existsSync(join(outside, 'new'))).toBe(false);
  });

  test('a report with a path outside the workspace is written, because the workflow itself asks for it', async ({
    workspace: _,
    outside,
  }) => {
    await writeDriftReports([join(outside, 'a.json')], check);
    expect(existsSync(join(outside, 'a.json'))).toBe(true);
  });

  test('links inside the workspace are followed', async ({ workspace }) => {
    mkdirSync(join(workspace, 'real'));
    symlinkSync('real', join(workspace, 'reports'));
    await writeDriftReports(['reports/a.json'], check);
    expect(existsSync(join(workspace, 'real', 'a.json'))).toBe(true);
  });

  test('an env-file that is a link is rejected, even a dangling one', ({ workspace, outside }) => {
    symlinkSync(join(outside, 'nothing'), join(workspace, '.env'));
    expect(() => checkEnvFile({ ...publishConfig, envFile: '.env' })).toThrow(/already exists/);
  });

  test('an env-file in a folder that links to the outside is rejected', ({ workspace, outside }) => {
    symlinkSync(outside, join(workspace, 'app'));
    expect(() => checkEnvFile({ ...publishConfig, envFile: 'app/.env' })).toThrow(
      /a symbolic link at app leads out of the workspace/,
    );
  });
});

describe('replaceFile', () => {
  // Windows has no such permissions.
  test.skipIf(process.platform === 'win32')(
    'sets the permissions, even if the file existed with others',
    async ({ workspace }) => {
      const path = join(workspace, 'secret');
      writeFileSync(path, 'old', { mode: 0o666 });
      replaceFile(path, 'new', 0o600);
      expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['new', 0o600]);
    },
  );

  test('does not replace a folder', async ({ workspace }) => {
    mkdirSync(join(workspace, 'folder'));
    expect(() => replaceFile(join(workspace, 'folder'), 'x')).toThrow();
    expect(statSync(join(workspace, 'folder')).isDirectory()).toBe(true);
  });
});

describe('readFileWithLimit', () => {
  test('reads up to the limit, and returns the size of a larger file', ({ workspace }) => {
    const path = join(workspace, 'file');
    writeFileSync(path, 'x'.repeat(10));
    expect(readFileWithLimit(path, 10)).toEqual(Buffer.from('x'.repeat(10)));
    expect(readFileWithLimit(path, 9)).toBe(10);
  });

  test.runIf(process.platform === 'linux')('reads a file in /proc, whose size is 0', () => {
    expect(statSync('/proc/self/status').size).toBe(0);
    expect(readFileWithLimit('/proc/self/status', 10)).toBeGreaterThan(10);
  });
});

test('a link to the workspace itself is not a link out of it', ({ workspace, outside }) => {
  const link = join(outside, 'link');
  symlinkSync(workspace, link);
  vi.stubEnv('GITHUB_WORKSPACE', link);
  expect(() => rejectLinkOutOfWorkspace(join(link, 'new', 'file'))).not.toThrow();
});

import { describe, expect, test } from 'vitest';
import { AzureReader } from '../../../src/azure/reader.ts';
import { absent, present, unknown } from '../../../src/plan/types.ts';
import { extension } from '../../../src/resources/extension.ts';
import { extensionAllowList } from '../../../src/resources/extension-allow-list.ts';
import { clientsAnswering } from '../../helpers/unit/fake-arm.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  pullRequestConfig,
  sweepConfig,
} from '../../helpers/unit/inputs.ts';
import { only } from '../../helpers/unit/only.ts';
import { testRun } from '../../helpers/unit/run.ts';

const given = { extensions: 'pgcrypto, uuid-ossp' };
const unseen = unknown(new Error('403'));

describe('extensions: each in the database', () => {
  test('missing: created in the database, the pull request’s where there is one', () => {
    const [first, second] = extension.desired(pullRequestConfig(given));
    expect(second?.name).toBe('uuid-ossp');
    if (first === undefined) throw new Error('no extension is desired');
    expect(only(extension.diff(first, absent))).toEqual({
      finding: {
        resource: 'extension',
        name: 'pgcrypto',
        property: '',
        expected: 'present',
        actual: 'absent',
        kind: 'missing',
      },
      mend: {
        resource: 'extension',
        name: 'pgcrypto',
        action: 'create',
        details: 'in database relecloud_pr_42',
      },
    });
  });

  test('present in any version, or unknown: nothing', () => {
    const [first] = extension.desired(ensureConfig(given));
    if (first === undefined) throw new Error('no extension is desired');
    expect(extension.diff(first, present('1.0'))).toEqual([]);
    expect(extension.diff(first, unseen)).toEqual([]);
  });

  test('none without a database, and none where things go', () => {
    const none = [
      checkConfig({ ...given, database: '' }),
      dropConfig(given),
      sweepConfig(given),
      ensureConfig(),
    ];
    for (const config of none) expect(extension.desired(config)).toEqual([]);
  });
});

describe('the allow-list azure.extensions', () => {
  const wanted = only(extensionAllowList.desired(ensureConfig(given)));

  test('what is missing is added; the finding tells what is there', () => {
    expect(only(extensionAllowList.diff(wanted, present('PGCRYPTO, postgis')))).toEqual({
      finding: {
        resource: 'extension allow-list',
        name: 'azure.extensions',
        property: 'value',
        expected: 'with uuid-ossp',
        actual: 'PGCRYPTO, postgis',
        kind: 'missing',
      },
      mend: {
        resource: 'extension allow-list',
        name: 'azure.extensions',
        action: 'update',
        details: 'added uuid-ossp',
      },
    });
    expect(only(extensionAllowList.diff(wanted, present(''))).finding?.actual).toBe('empty');
  });

  test('a set knows neither case nor order, and more than the wanted is no drift', () => {
    expect(extensionAllowList.diff(wanted, present('postgis,UUID-OSSP,PgCrypto'))).toEqual([]);
  });

  test('a server without the parameter has no such list; that, or unknown: nothing', () => {
    expect(extensionAllowList.diff(wanted, absent)).toEqual([]);
    expect(extensionAllowList.diff(wanted, unseen)).toEqual([]);
  });

  test('it is looked at only for extensions, and never where things go', () => {
    for (const config of [ensureConfig(), checkConfig(), dropConfig(given), sweepConfig(given)])
      expect(extensionAllowList.desired(config)).toEqual([]);
    expect(extensionAllowList.desired(checkConfig(given))).toHaveLength(1);
  });

  const readerOf = (status: number, body: unknown) =>
    new AzureReader(clientsAnswering([{ status, body }]).clients, testRun(), {
      name: 'demo',
      resourceGroup: 'group',
    });

  test('its value is ARM’s, where ARM tells one', async () => {
    const reader = readerOf(200, { id: '/x', name: 'azure.extensions', properties: { value: 'postgis' } });
    expect(await extensionAllowList.observe(reader, [wanted])).toEqual([present('postgis')]);
    const empty = readerOf(200, { id: '/x', name: 'azure.extensions', properties: {} });
    expect(await extensionAllowList.observe(empty, [wanted])).toEqual([present('')]);
  });

  test('a refusal is unknown', async () => {
    const reader = readerOf(403, { error: { code: 'AuthorizationFailed', message: 'no' } });
    expect(only(await extensionAllowList.observe(reader, [wanted])).status).toBe('unknown');
  });
});

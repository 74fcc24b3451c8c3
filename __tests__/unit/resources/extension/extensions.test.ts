import { describe, expect, test } from 'vitest';
import { AzureReader } from '../../../../src/azure/reader.ts';
import { absent, present, unknown } from '../../../../src/reconcile/findings.ts';
import { extensionAllowListHandler } from '../../../../src/resources/extension/allow-list.ts';
import { extensionHandler } from '../../../../src/resources/extension/extension-handler.ts';
import { createFakeArmClients } from '../../../helpers/unit/fake-arm.ts';
import { single } from '../../../helpers/unit/single.ts';
import { checkConfig, ensureConfig, pullRequestConfig } from '../../../helpers/unit/test-configs.ts';
import { createTestRun } from '../../../helpers/unit/test-run.ts';

const extensionInputs = { extensions: 'pgcrypto, uuid-ossp' };
const unknownObservation = unknown(new Error('403'));

describe('an extension', () => {
  test('is created in the database where it is missing, in a pull request in the database of the pull request', () => {
    const [first, second] = extensionHandler.desired(pullRequestConfig(extensionInputs));
    expect(second?.name).toBe('uuid-ossp');
    if (first === undefined) throw new Error('no extension is desired');
    expect(single(extensionHandler.diff(first, absent))).toEqual({
      finding: {
        resource: 'extension',
        name: 'pgcrypto',
        property: '',
        expected: 'present',
        actual: 'absent',
        kind: 'missing',
      },
      change: {
        resource: 'extension',
        name: 'pgcrypto',
        action: 'create',
        details: 'in database relecloud_pr_42',
      },
    });
  });

  test('needs no change if it is present in any version, or unknown', () => {
    const [first] = extensionHandler.desired(ensureConfig(extensionInputs));
    if (first === undefined) throw new Error('no extension is desired');
    expect(extensionHandler.diff(first, present('1.0'))).toEqual([]);
    expect(extensionHandler.diff(first, unknownObservation)).toEqual([]);
  });

  test('none without a database, and none if none is declared', () => {
    const none = [checkConfig({ ...extensionInputs, database: '' }), ensureConfig()];
    for (const config of none) expect(extensionHandler.desired(config)).toEqual([]);
  });
});

describe('the allow-list azure.extensions', () => {
  const required = single(extensionAllowListHandler.desired(ensureConfig(extensionInputs)));

  test('gets the missing extensions; the finding names its entries', () => {
    expect(single(extensionAllowListHandler.diff(required, present('PGCRYPTO, postgis')))).toEqual({
      finding: {
        resource: 'extension allow-list',
        name: 'azure.extensions',
        property: 'value',
        expected: 'with uuid-ossp',
        actual: 'PGCRYPTO, postgis',
        kind: 'missing',
      },
      change: {
        resource: 'extension allow-list',
        name: 'azure.extensions',
        action: 'update',
        details: 'added uuid-ossp',
      },
    });
    expect(single(extensionAllowListHandler.diff(required, present(''))).finding?.actual).toBe('empty');
  });

  test('matches in any case and order, and with other entries', () => {
    expect(extensionAllowListHandler.diff(required, present('postgis,UUID-OSSP,PgCrypto'))).toEqual([]);
  });

  test('needs no change if the parameter is absent or unknown', () => {
    expect(extensionAllowListHandler.diff(required, absent)).toEqual([]);
    expect(extensionAllowListHandler.diff(required, unknownObservation)).toEqual([]);
  });

  test('it is read only if extensions are declared', () => {
    for (const config of [ensureConfig(), checkConfig()])
      expect(extensionAllowListHandler.desired(config)).toEqual([]);
    expect(extensionAllowListHandler.desired(checkConfig(extensionInputs))).toHaveLength(1);
  });

  const readerOf = (status: number, body: unknown) =>
    new AzureReader(createFakeArmClients([{ status, body }]).clients, createTestRun(), {
      name: 'demo',
      resourceGroup: 'group',
    });

  test('has the value that ARM shows, or is empty', async () => {
    const reader = readerOf(200, { id: '/x', name: 'azure.extensions', properties: { value: 'postgis' } });
    expect(await extensionAllowListHandler.observe(reader, [required])).toEqual([present('postgis')]);
    const empty = readerOf(200, { id: '/x', name: 'azure.extensions', properties: {} });
    expect(await extensionAllowListHandler.observe(empty, [required])).toEqual([present('')]);
  });

  test('is unknown if Azure rejects the read', async () => {
    const reader = readerOf(403, { error: { code: 'AuthorizationFailed', message: 'no' } });
    expect(single(await extensionAllowListHandler.observe(reader, [required])).status).toBe('unknown');
  });
});

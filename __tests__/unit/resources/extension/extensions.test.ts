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

describe('extensions: each in the database', () => {
  test('missing: created in the database, the pull request’s where there is one', () => {
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

  test('present in any version, or unknown: nothing', () => {
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
  const wanted = single(extensionAllowListHandler.desired(ensureConfig(extensionInputs)));

  test('what is missing is added; the finding tells what is there', () => {
    expect(single(extensionAllowListHandler.diff(wanted, present('PGCRYPTO, postgis')))).toEqual({
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
    expect(single(extensionAllowListHandler.diff(wanted, present(''))).finding?.actual).toBe('empty');
  });

  test('a set knows neither case nor order, and more than the wanted is no drift', () => {
    expect(extensionAllowListHandler.diff(wanted, present('postgis,UUID-OSSP,PgCrypto'))).toEqual([]);
  });

  test('a server without the parameter has no such list; that, or unknown: nothing', () => {
    expect(extensionAllowListHandler.diff(wanted, absent)).toEqual([]);
    expect(extensionAllowListHandler.diff(wanted, unknownObservation)).toEqual([]);
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

  test('its value is ARM’s, where ARM tells one', async () => {
    const reader = readerOf(200, { id: '/x', name: 'azure.extensions', properties: { value: 'postgis' } });
    expect(await extensionAllowListHandler.observe(reader, [wanted])).toEqual([present('postgis')]);
    const empty = readerOf(200, { id: '/x', name: 'azure.extensions', properties: {} });
    expect(await extensionAllowListHandler.observe(empty, [wanted])).toEqual([present('')]);
  });

  test('a refusal is unknown', async () => {
    const reader = readerOf(403, { error: { code: 'AuthorizationFailed', message: 'no' } });
    expect(single(await extensionAllowListHandler.observe(reader, [wanted])).status).toBe('unknown');
  });
});

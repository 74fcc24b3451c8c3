import { describe, expect, test } from 'vitest';
import { AzureReader } from '../../../../src/azure/reader.ts';
import { absent, present, unknown } from '../../../../src/reconcile/findings.ts';
import { extensionAllowListHandler } from '../../../../src/resources/extension/allow-list.ts';
import { extensionHandler } from '../../../../src/resources/extension/extension-handler.ts';
import { createFakeArmClients } from '../../../helpers/unit/fake-arm.ts';
import { single } from '../../../helpers/unit/single.ts';
import {
  checkConfig,
  dropConfig,
  ensureConfig,
  pullRequestConfig,
  sweepConfig,
} from '../../../helpers/unit/test-configs.ts';
import { createTestRun } from '../../../helpers/unit/test-run.ts';

const extensionInputs = { extensions: 'pgcrypto, uuid-ossp' };
const unknownObservation = unknown(new Error('403'));

describe('an extension', () => {
  test('that is missing is created in the database of the pull request', () => {
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

  test('that exists in any version, or is in an unknown state, leads to no change', () => {
    const [first] = extensionHandler.desired(ensureConfig(extensionInputs));
    if (first === undefined) throw new Error('no extension is desired');
    expect(extensionHandler.diff(first, present('1.0'))).toEqual([]);
    expect(extensionHandler.diff(first, unknownObservation)).toEqual([]);
  });

  test('is not desired without a database, and not by drop and sweep', () => {
    const configs = [
      checkConfig({ ...extensionInputs, database: '' }),
      dropConfig(extensionInputs),
      sweepConfig(extensionInputs),
      ensureConfig(),
    ];
    for (const config of configs) expect(extensionHandler.desired(config)).toEqual([]);
  });
});

describe('the allow-list azure.extensions', () => {
  const required = single(extensionAllowListHandler.desired(ensureConfig(extensionInputs)));

  test('gets the missing extensions, and the finding names its present value', () => {
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

  test('has no drift when only case or order differ, or when it has more extensions', () => {
    expect(extensionAllowListHandler.diff(required, present('postgis,UUID-OSSP,PgCrypto'))).toEqual([]);
  });

  test('leads to no change on a server without the parameter, or in an unknown state', () => {
    expect(extensionAllowListHandler.diff(required, absent)).toEqual([]);
    expect(extensionAllowListHandler.diff(required, unknownObservation)).toEqual([]);
  });

  test('is not desired without extensions, and not by drop and sweep', () => {
    for (const config of [
      ensureConfig(),
      checkConfig(),
      dropConfig(extensionInputs),
      sweepConfig(extensionInputs),
    ])
      expect(extensionAllowListHandler.desired(config)).toEqual([]);
    expect(extensionAllowListHandler.desired(checkConfig(extensionInputs))).toHaveLength(1);
  });

  const readerOf = (status: number, body: unknown) =>
    new AzureReader(createFakeArmClients([{ status, body }]).clients, createTestRun(), {
      name: 'demo',
      resourceGroup: 'group',
    });

  test('is observed with the value that ARM returns, or as empty', async () => {
    const reader = readerOf(200, { id: '/x', name: 'azure.extensions', properties: { value: 'postgis' } });
    expect(await extensionAllowListHandler.observe(reader, [required])).toEqual([present('postgis')]);
    const empty = readerOf(200, { id: '/x', name: 'azure.extensions', properties: {} });
    expect(await extensionAllowListHandler.observe(empty, [required])).toEqual([present('')]);
  });

  test('is unknown if ARM refuses the request', async () => {
    const reader = readerOf(403, { error: { code: 'AuthorizationFailed', message: 'no' } });
    expect(single(await extensionAllowListHandler.observe(reader, [required])).status).toBe('unknown');
  });
});

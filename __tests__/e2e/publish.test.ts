import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { defaultInputs, Job } from '../helpers/e2e/job.ts';
import { test } from '../helpers/e2e/test.ts';
import { libpqQuery } from '../helpers/libpq.ts';

const password = 'p@ss:w/rd%25"\'$\\`<space>é';
const inputs = {
  ...defaultInputs,
  'server-name': 'published',
  'admin-password': password,
  'allowed-ip-ranges': 'here=198.51.100.7',
};

test.beforeAll(async ({ emulator }) => {
  const step = await new Job(emulator).step(inputs);
  expect(step.exitCode, step.log).toBe(0);
});

/** The user and the database of a login. */
const WHO_AM_I_SQL = 'SELECT current_user || current_database()';
const expectedIdentity = 'relecloud_adminrelecloud';

describe('the published connection', () => {
  test('the variables of the tutorial and others, in the environment and as outputs, by default', async ({
    emulator,
  }) => {
    const step = await new Job(emulator).step(inputs);
    const { DB_HOST: host } = step.exportedEnv;
    expect(step.exportedEnv).toEqual({
      DB_HOST: host,
      DB_PORT: '5432',
      DB_NAME: 'relecloud',
      DB_USER: 'relecloud_admin',
      DB_PASSWORD: password,
      DB_SSLMODE: 'require',
      DATABASE_URL: step.outputs['database-url'],
    });
    expect(step.outputs).toMatchObject({
      'db-host': host,
      'db-port': '5432',
      'db-name': 'relecloud',
      'db-user': 'relecloud_admin',
      'db-password': password,
      'db-sslmode': 'require',
      'server-created': 'false',
      drifted: 'false',
    });
    expect(step.outputs['server-id']).toMatch(/\/flexibleServers\/published$/);
  });

  test('libpq logs in with the URL and with PG*, with any password (Azure/postgresql#26)', async ({
    emulator,
  }) => {
    const step = await new Job(emulator).step({ ...inputs, formats: 'url\npg' });
    expect(await libpqQuery({ url: step.outputs['database-url'] ?? '' }, WHO_AM_I_SQL)).toBe(
      expectedIdentity,
    );
    expect(await libpqQuery({ env: step.exportedEnv }, WHO_AM_I_SQL)).toBe(expectedIdentity);
  });

  test('with verify-full, libpq verifies with the written root certificates', async ({ emulator }) => {
    // The certificates include those of NODE_EXTRA_CA_CERTS, which Node reads only at its start.
    const step = await new Job(emulator).spawnStep({
      ...inputs,
      formats: 'url, pg',
      'ssl-mode': 'verify-full',
    });
    const { DB_SSLROOTCERT: bundle = '', DB_SSLMODE: mode } = step.exportedEnv;
    expect(mode).toBe('verify-full');
    expect(await libpqQuery({ url: step.outputs['database-url'] ?? '' }, WHO_AM_I_SQL)).toBe(
      expectedIdentity,
    );
    expect(await libpqQuery({ env: step.exportedEnv }, WHO_AM_I_SQL)).toBe(expectedIdentity);
    const certificates = readFileSync(bundle, 'utf8').match(/-----BEGIN[\s\S]+?END CERTIFICATE-----/g) ?? [];
    const subjects = certificates.map((pem) => new X509Certificate(pem).subject).join('\n');
    for (const root of ['DigiCert Global Root G2', 'Microsoft RSA Root Certificate Authority 2017'])
      expect(subjects).toContain(root);
    const own = new X509Certificate(emulator.instance.caCertificate).fingerprint256;
    const others = certificates.filter((pem) => new X509Certificate(pem).fingerprint256 !== own);
    expect(others.length).toBe(certificates.length - 1);
    writeFileSync(bundle, others.join('\n'));
    await expect(libpqQuery({ env: step.exportedEnv }, WHO_AM_I_SQL)).rejects.toThrow(
      /certificate verify failed|unable to get/,
    );
  });

  test('with export-env: false later steps get only the outputs', async ({ emulator }) => {
    const step = await new Job(emulator).step({ ...inputs, 'export-env': 'false' });
    expect(step.exportedEnv).toEqual({});
    expect(step.outputs['db-name']).toBe('relecloud');
  });

  test('env-file is readable only by its owner, and removed in post', async ({ emulator }) => {
    const job = new Job(emulator);
    const step = await job.step({ ...inputs, 'env-file': '.env' });
    const file = join(job.tempDirectory, '.env');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain(`DATABASE_URL=${step.outputs['database-url']}\n`);
    expect(step.log).not.toContain('The env-file has quotes around');
    await job.runPosts();
    expect(existsSync(file)).toBe(false);
  });

  test('a file that the action did not write is never overwritten by env-file: an error before any request', async ({
    emulator,
  }) => {
    const job = new Job(emulator);
    writeFileSync(join(job.tempDirectory, '.env'), 'MINE=1\n');
    const step = await job.step({ ...inputs, 'env-file': '.env' });
    expect(step.exitCode).toBe(1);
    expect(step.log).toContain('already exists');
    await job.runPosts();
    expect(readFileSync(join(job.tempDirectory, '.env'), 'utf8')).toBe('MINE=1\n');
    expect(await emulator.requests()).toEqual([]);
  });

  test('the summary has findings, changes and a timeline', async ({ emulator }) => {
    const step = await new Job(emulator).step({ ...inputs, database: 'second' });
    expect(step.summary).toContain('| create | database | `second` |');
    expect(step.summary).toMatch(/\| Phase \| Time \| Share \|\n[\s\S]*\| Ensure server \|/);
    const again = await new Job(emulator).step({ ...inputs, database: 'second' });
    expect(again.summary).not.toContain('change</summary>');
  });
});

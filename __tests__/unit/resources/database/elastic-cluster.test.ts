import { expect, test } from 'vitest';
import { clusterDatabaseError } from '../../../../src/resources/database/elastic-cluster.ts';
import { ensureConfig, pullRequestConfig } from '../../../helpers/unit/test-configs.ts';

test('a server that is not a cluster can have more databases', () => {
  for (const server of [{ name: 'demo' }, { name: 'demo', cluster: { clusterSize: 0 } }])
    expect(clusterDatabaseError(server, ensureConfig())).toBeUndefined();
});

test('the error of a cluster names its database, as far as Azure shows it', () => {
  const cluster = { clusterSize: 2, defaultDatabaseName: 'stars' };
  expect(clusterDatabaseError({ name: 'demo', cluster }, ensureConfig())).toMatchObject({
    code: 'database-failed',
    summary: expect.stringContaining(
      "'demo' is an elastic cluster, which has only the database of its creation, 'stars'.",
    ),
    hint: expect.stringContaining("Set the input database to 'stars'"),
  });
  expect(clusterDatabaseError({ name: 'demo', cluster: { clusterSize: 2 } }, ensureConfig())).toMatchObject({
    summary: expect.stringMatching(/database of its creation\.$/),
    hint: expect.stringContaining('Set the input database to that database'),
  });
});

test('the database of a pull request needs a server that is not a cluster', () => {
  const error = clusterDatabaseError({ name: 'demo', cluster: { clusterSize: 2 } }, pullRequestConfig());
  expect(error?.hint).toBe(
    'Databases of pull requests need a server that is not a cluster: set server-name to another one.',
  );
});

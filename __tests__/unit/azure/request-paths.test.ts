import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AzureReader } from '../../../src/azure/reader.ts';
import { AzureWriter } from '../../../src/azure/writer.ts';
import { parseEvent } from '../../../src/github/parse-event.ts';
import { createServer } from '../../../src/resources/server/create-server.ts';
import { newServerBody } from '../../../src/resources/server/new-server.ts';
import { createFakeArmClients } from '../../helpers/unit/fake-arm.ts';
import { defaultInputs, parseInputs } from '../../helpers/unit/test-configs.ts';
import { createTestRun } from '../../helpers/unit/test-run.ts';

/** Texts with many characters that have a meaning in a URL's path. */
const anyName = fc
  .array(
    fc.constantFrom('.', '..', '/', '\\', '%2e', '%2F', '?', '#', ' ', 'a', 'B1', '-', '_', ';', ':', '\t'),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((pieces) => pieces.join(''));
const validName = fc.constantFrom('abc', 'work_mem', 'azure.extensions', 'west europe');

/** The number of path segments of each request that a run with these inputs sends; undefined for invalid inputs. */
async function requestSegmentCounts(
  given: Readonly<Record<string, string>>,
): Promise<readonly number[] | undefined> {
  const config = parseInputs({ ...defaultInputs, ...given });
  if ('errors' in config || config.mode !== 'ensure') return undefined;
  const { clients, requests } = createFakeArmClients([]);
  const run = createTestRun();
  const { server, firewall, database } = config;
  const reader = new AzureReader(clients, run, server);
  const writer = new AzureWriter(clients, run, reader);
  const [parameter = ''] = server.parameters.keys();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => reader.refreshServer(),
    () => reader.getResourceGroup(reader.serverRef.resourceGroup),
    () => reader.isNameAvailable(server.region ?? ''),
    () => reader.getParameter(parameter),
    () => reader.getDatabase(database.name),
    () => reader.getFirewallRule(firewall.declaredRules[0]?.name ?? ''),
    () =>
      writer.putParameter(
        parameter,
        async () => 'x',
        () => true,
      ),
    () => writer.createResourceGroup(reader.serverRef.resourceGroup, server.region ?? ''),
    () => createServer(writer, newServerBody(server, config.administrator, {})),
    () => writer.dropDatabase(database.name),
    () => writer.deleteFirewallRule(firewall.declaredRules[0]?.name ?? ''),
  ];
  for (const call of calls) await call().catch(() => {});
  return requests.map((line) => new URL(line.slice(line.indexOf(' ') + 1)).pathname.split('/').length);
}

const plainInputs = {
  'server-name': 'demo',
  'resource-group': 'group',
  region: 'westeurope',
  'server-parameters': 'work_mem=1',
  'allowed-ip-ranges': 'office=203.0.113.9',
  database: 'relecloud',
};

describe('no input changes which resource a request targets', () => {
  test('the path of a request has the same number of segments for all valid inputs', async () => {
    const expected = await requestSegmentCounts(plainInputs);
    expect(expected?.length).toBeGreaterThan(10);
    const given = fc.oneof(
      fc.tuple(
        fc.constantFrom('server-name', 'resource-group', 'region', 'database'),
        fc.oneof(anyName, validName),
      ),
      fc.tuple(
        fc.constant('server-parameters'),
        fc.oneof(anyName, validName).map((text) => `${text}=x`),
      ),
      fc.tuple(
        fc.constant('allowed-ip-ranges'),
        fc.oneof(anyName, validName).map((text) => `${text}=203.0.113.9`),
      ),
    );
    await fc.assert(
      fc.asyncProperty(given, async ([input, text]) => {
        // A blank input is treated as not set.
        fc.pre(text.trim() !== '');
        const segments = await requestSegmentCounts({ ...plainInputs, [input]: text });
        if (segments !== undefined) expect(segments).toEqual(expected);
      }),
      {
        numRuns: 400,
        examples: [
          [['server-parameters', '..=x']],
          [['server-parameters', '.=x']],
          [['region', '..']],
          [['resource-group', '..']],
        ],
      },
    );
  });

  test.each(['../x', 'x/..', './x', 'x/.', 'a/b/c', 'x', 'a b/c', 'a/b?c', ''])(
    'an invalid repository name is ignored: %j',
    (repository) => {
      const payload = { repository: { full_name: repository } };
      expect(parseEvent(payload, { GITHUB_REPOSITORY: repository }).repository.name).toBe('');
    },
  );

  test.each(['relecloud/space-travel', 'a/.github', 'a-b/c_d.e', 'a/...'])(
    'a valid repository name is used: %s',
    (repository) => {
      expect(parseEvent({}, { GITHUB_REPOSITORY: repository }).repository.name).toBe(repository);
    },
  );
});

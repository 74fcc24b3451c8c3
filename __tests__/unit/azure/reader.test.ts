import { describe, expect, test, vi } from 'vitest';
import { AzureReader } from '../../../src/azure/reader.ts';
import { AzureWriter } from '../../../src/azure/writer.ts';
import { type ArmResponse, createFakeArmClients } from '../../helpers/unit/fake-arm.ts';
import { createTestRun, errorOf } from '../../helpers/unit/test-run.ts';

function createReader(...responses: readonly ArmResponse[]) {
  const { clients, requests } = createFakeArmClients(responses);
  const reader = new AzureReader(clients, createTestRun(), { name: 'demo', resourceGroup: 'group' });
  return { reader, requests };
}

const parameter = (name: string, value: string) => ({ id: `/x/${name}`, name, properties: { value } });
const pageResponse = (value: readonly unknown[], nextLink?: string): ArmResponse => ({
  status: 200,
  body: { value, ...(nextLink === undefined ? {} : { nextLink }) },
});
const forbiddenResponse: ArmResponse = {
  status: 403,
  body: { error: { code: 'AuthorizationFailed', message: 'no' } },
};

describe('server parameters', () => {
  test('a few are read with a request each', async () => {
    const response = (name: string): ArmResponse => ({ status: 200, body: parameter(name, '1') });
    const { reader, requests } = createReader(response('a'), response('b'));
    const observed = await reader.getParameters(['a', 'b']);
    expect(observed.map(({ status }) => status)).toEqual(['present', 'present']);
    expect(requests).toHaveLength(2);
  });

  test('many are read from the list, with a request for each page; names are case-insensitive', async () => {
    const next = 'https://management.azure.com/next?page=2';
    const { reader, requests } = createReader(
      pageResponse([parameter('a', '1'), parameter('B', '2')], next),
      pageResponse([parameter('c', '3'), parameter('d', '4')]),
    );
    const observed = await reader.getParameters(['d', 'b', 'not-there', 'a']);
    expect(observed.map((one) => (one.status === 'present' ? one.value.value : one.status))).toEqual([
      '4',
      '2',
      'absent',
      '1',
    ]);
    expect(requests).toHaveLength(2);
  });

  test('all are unknown if a page of the list is rejected', async () => {
    const { reader } = createReader(
      pageResponse([parameter('a', '1')], 'https://management.azure.com/next?page=2'),
      forbiddenResponse,
    );
    const observed = await reader.getParameters(['a', 'b', 'c', 'd']);
    expect(observed.map(({ status }) => status)).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
  });
});

describe('firewall rules', () => {
  test('are listed once for all findings of a run, and again when a caller needs the present ones', async () => {
    const { reader, requests } = createReader(pageResponse([]), pageResponse([]));
    await Promise.all([reader.listFirewallRulesOnce(), reader.listFirewallRulesOnce()]);
    expect(requests).toHaveLength(1);
    await reader.listFirewallRules();
    expect(requests).toHaveLength(2);
  });
});

describe('reads that are started early', () => {
  const serverPath = '/resourceGroups/group/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo';
  const foundServer = (group = 'group') => ({
    id: `/subscriptions/x${serverPath.replace('/group/', `/${group}/`)}`,
    name: 'demo',
    properties: { state: 'Ready' },
  });
  const notFoundResponse: ArmResponse = {
    status: 404,
    body: { error: { code: 'ResourceNotFound', message: 'not found' } },
  };
  const children = { parameters: [['work_mem'], ['a', 'b', 'c', 'd']], database: 'relecloud' };
  /** Kinds of requests that {@link children} and the server need. */
  const allKinds = ['configurations', 'databases', 'firewallRules', 'server', 'work_mem'];

  const kindOf = (request: string): string => {
    const [, kind = 'server', name] = /flexibleServers\/demo\/(\w+)(?:\/(\w+))?/.exec(request) ?? [];
    if (/providers\/[^/]+\/flexibleServers\?/.test(request)) return 'list';
    return kind === 'configurations' && name !== undefined ? name : kind;
  };

  /** ARM with one server; `overrides` answers some kinds of requests. */
  function createArm(overrides: Readonly<Record<string, ArmResponse>> = {}, resourceGroup?: string) {
    const responses: Record<string, ArmResponse> = {
      server: { status: 200, body: foundServer() },
      list: pageResponse([foundServer()]),
      firewallRules: pageResponse([]),
      configurations: pageResponse([]),
      work_mem: { status: 200, body: parameter('work_mem', '4096') },
      databases: { status: 200, body: { id: '/x', name: 'relecloud', properties: {} } },
      ...overrides,
    };
    const { clients, requests } = createFakeArmClients(
      (sent) => responses[kindOf(sent.at(-1) ?? '')] ?? notFoundResponse,
    );
    const run = createTestRun();
    const reader = new AzureReader(clients, run, { name: 'demo', resourceGroup });
    const kinds = (): readonly string[] => requests.map(kindOf).sort();
    const readAll = async () => ({
      server: await reader.getServer(),
      parameters: await Promise.all(children.parameters.map((names) => reader.getParameters(names))),
      rules: await reader.listFirewallRulesOnce().catch((error: Error) => error),
      database: await reader.getDatabase('relecloud'),
    });
    return { clients, run, reader, requests, kinds, readAll, respond: responses };
  }

  test('are all sent before one has an answer, and each is sent once', async () => {
    const { reader, kinds, readAll } = createArm({}, 'group');
    reader.startReads(children);
    reader.startReads(children);
    await vi.waitFor(() => expect(kinds()).toEqual(allKinds));
    expect(await readAll()).toMatchObject({
      server: { status: 'present' },
      parameters: [[{ status: 'present' }], expect.any(Array)],
      rules: [],
      database: { status: 'present' },
    });
    expect(kinds()).toEqual(allKinds);
  });

  test('have one result, because the second call of a method reads again', async () => {
    const { reader, kinds } = createArm({}, 'group');
    reader.startReads(children);
    await reader.getParameter('work_mem');
    await reader.getParameter('work_mem');
    expect(kinds().filter((kind) => kind === 'work_mem')).toHaveLength(2);
  });

  test('without a resource group are those of the default one, beside the list of the subscription', async () => {
    const { reader, requests, kinds, readAll } = createArm({
      list: pageResponse([foundServer('demo')]),
    });
    reader.startReads(children);
    await readAll();
    expect(kinds()).toEqual(allKinds.map((kind) => (kind === 'server' ? 'list' : kind)).sort());
    expect(requests.filter((request) => request.includes('/resourceGroups/demo/'))).toHaveLength(4);
  });

  test('are not used if the server is in another group', async () => {
    const { reader, requests, readAll } = createArm();
    reader.startReads(children);
    await readAll();
    expect(
      requests
        .filter((request) => request.includes('/resourceGroups/group/'))
        .map(kindOf)
        .sort(),
    ).toEqual(allKinds.filter((kind) => kind !== 'server'));
  });

  test('are not used after a write of this run', async () => {
    const { clients, run, reader, kinds, readAll } = createArm({}, 'group');
    reader.startReads(children);
    await reader.getServer();
    await new AzureWriter(clients, run, reader).createResourceGroup('group', 'westeurope').catch(() => {});
    const before = kinds().length;
    await readAll();
    expect(kinds()).toHaveLength(before + allKinds.length - 1);
  });

  test('are not used after the server was read again, as during a wait', async () => {
    const { reader, kinds, readAll } = createArm({}, 'group');
    const isCurrent = reader.trackChanges();
    reader.startReads(children);
    await reader.getServer();
    expect(isCurrent()).toBe(true);
    await reader.refreshServer();
    expect(isCurrent()).toBe(false);
    await readAll();
    expect(kinds()).toHaveLength(2 * allKinds.length);
  });

  test('that are not used any more are ended, so that none is sent again', async ({ onTestFinished }) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const failedResponse: ArmResponse = { status: 500, body: { error: { code: 'InternalServerError' } } };
    const { reader, requests } = createArm({ work_mem: failedResponse, databases: failedResponse }, 'group');
    reader.startReads(children);
    await vi.waitFor(() => expect(requests).toHaveLength(allKinds.length));
    reader.discardReads();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(requests).toHaveLength(allKinds.length);
  });

  test('that find a resource absent are repeated, because the server may be newer than the answer', async () => {
    const { reader, readAll, respond } = createArm(
      { work_mem: notFoundResponse, databases: notFoundResponse, firewallRules: notFoundResponse },
      'group',
    );
    const found = { ...createArm().respond };
    reader.startReads(children);
    await reader.getServer();
    Object.assign(respond, found);
    expect(await readAll()).toMatchObject({
      parameters: [[{ status: 'present' }], expect.any(Array)],
      rules: [],
      database: { status: 'present' },
    });
  });

  test('that fail are unknown, and never absent', async () => {
    const { reader, readAll } = createArm(
      { work_mem: forbiddenResponse, databases: forbiddenResponse, firewallRules: forbiddenResponse },
      'group',
    );
    reader.startReads(children);
    expect(await readAll()).toMatchObject({
      parameters: [[{ status: 'unknown' }], expect.any(Array)],
      rules: expect.any(Error),
      database: { status: 'unknown' },
    });
  });

  test('of a server that is ambiguous fail only where the server is needed', async () => {
    const { reader } = createArm({ list: pageResponse([foundServer('one'), foundServer('two')]) });
    reader.startReads(children);
    expect(String(await errorOf(reader.getServer()))).toContain('server-ambiguous');
  });
});

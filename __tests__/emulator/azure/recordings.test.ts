import { describe, expect } from 'vitest';
import { isJsonObject } from '../../../emulator/core/json.ts';
import type { ArmClient } from '../../helpers/emulator/arm-client.ts';
import { testWith } from '../../helpers/emulator/azure-fixture.ts';
import type { FakePostgresFactory } from '../../helpers/emulator/fake-postgres.ts';
import { type HttpResponse, pollUntilAccepted } from '../../helpers/emulator/http-client.ts';
import {
  deletionResult,
  type RecordedExchange,
  ruleLifecycle,
  serverLifecycle,
  stopExchange,
} from '../../helpers/emulator/recorded-exchanges.ts';
import { type ExpectedResponse, groupName, serverName } from '../../helpers/emulator/recorded-responses.ts';

// With Azure's Retry-After. The polls of running operations are sent while the fake PostgreSQL holds the operation.
const test = testWith({ retryAfterScale: 1 });

const GUID_PATTERN = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** Replaces what differs between runs, and the signature in an operation's URL, which is newer than the recordings. */
function normalise(text: string): string {
  return text
    .replaceAll(/https:\/\/127\.0\.0\.1:\d+/g, 'ARM')
    .replaceAll(GUID_PATTERN, 'GUID')
    .replaceAll(/&t=[^"]*&h=[^"&]*/g, '')
    .replace(/operationresults\/[^?]+/, 'operationresults/JOB');
}

/** Objects as lists of their members, to compare the order too. */
function toOrderedEntries(value: unknown): unknown {
  return isJsonObject(value) && value.constructor === Object
    ? Object.entries(value).map(([name, entry]) => [name, toOrderedEntries(entry)])
    : value;
}

function expectResponse(
  what: string,
  answer: HttpResponse,
  { status, headers, body }: ExpectedResponse,
): void {
  expect(answer.status, what).toBe(status);
  const shown = Object.entries(answer.headers).map(([name, value]) => [name, normalise(String(value))]);
  expect(Object.fromEntries(shown), what).toMatchObject(headers);
  const text = normalise(answer.text);
  expect(text === '' ? '' : toOrderedEntries(JSON.parse(text)), what).toEqual(toOrderedEntries(body));
}

/** Sends recorded requests in their order and compares the answers. */
class RecordingReplay {
  readonly #arm: ArmClient;
  readonly #postgres: FakePostgresFactory;
  readonly #operations = new Map<string, string>();
  readonly #group: string;
  readonly #server: string;
  #release = (): void => {};

  constructor(arm: ArmClient, postgres: FakePostgresFactory, group: string, server: string) {
    this.#arm = arm;
    this.#postgres = postgres;
    this.#group = group;
    this.#server = server;
  }

  /** @returns the last answer. */
  async send(exchanges: readonly RecordedExchange[]): Promise<HttpResponse> {
    const answers: HttpResponse[] = [];
    for (const exchange of exchanges) answers.push(await this.#send(exchange));
    const last = answers.at(-1);
    if (!last) throw new Error('Nothing was sent.');
    return last;
  }

  async #send(exchange: RecordedExchange): Promise<HttpResponse> {
    const { label, method, body, expected } = exchange;
    if (exchange.releaseBefore) this.#release();
    if (exchange.holdBefore) this.#release = this.#postgres.hold(exchange.holdBefore);
    const once = () => this.#arm.send(method, this.#urlOf(exchange), body);
    const ended = isJsonObject(expected.body) && expected.body['status'] === 'Succeeded';
    const answer = await pollUntilAccepted(once, ({ json }) => !ended || json['status'] !== 'InProgress');
    expectResponse(label, answer, expected);
    this.#operations.set(label, String(answer.headers['azure-asyncoperation']));
    if (exchange.waitForEnd) await this.#arm.waitForOperation(answer);
    return answer;
  }

  #urlOf({ path, apiVersion }: RecordedExchange): string {
    if ('poll' in path) return this.#operations.get(path.poll) ?? '';
    const rest =
      'server' in path
        ? `/providers/Microsoft.DBforPostgreSQL/flexibleServers/${this.#server}${path.server}`
        : '';
    return `${this.#arm.subscriptionPath}/resourceGroups/${this.#group}${rest}?api-version=${apiVersion}`;
  }
}

describe('the answers are equal to the recorded ones', () => {
  test('for a server, its children and its group, from creation to deletion (2022)', async ({
    arm,
    postgres,
  }) => {
    await new RecordingReplay(arm, postgres, groupName, serverName).send(serverLifecycle);
  });

  test('for a firewall rule from creation to deletion, and for the stop of a server (2021)', async ({
    arm,
    postgres,
  }) => {
    const group = `${arm.subscriptionPath}/resourceGroups/other?api-version=2020-06-01`;
    await arm.send('PUT', group, { location: 'eastus' });
    await arm.sendAndWait('PUT', arm.serverPath('other-server', '', 'other'), {
      location: 'eastus',
      sku: { name: 'Standard_D2s_v3', tier: 'GeneralPurpose' },
      properties: { administratorLogin: 'daeun', administratorLoginPassword: 'Pa88word!', version: '18' },
    });
    const replay = new RecordingReplay(arm, postgres, 'other', 'other-server');
    const deletion = await replay.send(ruleLifecycle);
    const result = await arm.send('GET', String(deletion.headers['location']));
    expectResponse('result of the deletion', result, deletionResult);
    await replay.send([stopExchange]);
  });
});

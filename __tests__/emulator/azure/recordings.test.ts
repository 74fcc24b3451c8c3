import { describe, expect } from 'vitest';
import { isObject } from '../../../emulator/json.ts';
import type { Arm } from '../../helpers/emulator/arm.ts';
import { testWith } from '../../helpers/emulator/azure-fixture.ts';
import type { FakePostgresFactory } from '../../helpers/emulator/fake-postgres.ts';
import { type Answer, until } from '../../helpers/emulator/http-client.ts';
import {
  type Exchange,
  resultOfDeletion,
  ruleLife,
  serverLife,
  stop,
} from '../../helpers/emulator/recorded-exchanges.ts';
import { type Fact, groupName, serverName } from '../../helpers/emulator/recorded-facts.ts';

// Azure's own Retry-After. A recorded poll that shows an operation under way is sent while its work is held.
const test = testWith({ retryAfter: 1 });

const guid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** What differs from run to run made the same; also the signature of an operation's URL, which came after 2022. */
function normalise(text: string): string {
  return text
    .replaceAll(/https:\/\/127\.0\.0\.1:\d+/g, 'ARM')
    .replaceAll(guid, 'GUID')
    .replaceAll(/&t=[^"]*&h=[^"&]*/g, '')
    .replace(/operationresults\/[^?]+/, 'operationresults/JOB');
}

/** Objects as lists of their members, so that their order counts. */
function ordered(value: unknown): unknown {
  return isObject(value) && value.constructor === Object
    ? Object.entries(value).map(([name, entry]) => [name, ordered(entry)])
    : value;
}

function expectFact(what: string, answer: Answer, { status, headers, body }: Fact): void {
  expect(answer.status, what).toBe(status);
  const shown = Object.entries(answer.headers).map(([name, value]) => [name, normalise(String(value))]);
  expect(Object.fromEntries(shown), what).toMatchObject(headers);
  const text = normalise(answer.text);
  expect(text === '' ? '' : ordered(JSON.parse(text)), what).toEqual(ordered(body));
}

/** Sends recorded requests in their order and compares what comes back. */
class Replay {
  readonly #arm: Arm;
  readonly #postgres: FakePostgresFactory;
  readonly #operations = new Map<string, string>();
  readonly #group: string;
  readonly #server: string;
  #release = (): void => {};

  constructor(arm: Arm, postgres: FakePostgresFactory, group: string, server: string) {
    this.#arm = arm;
    this.#postgres = postgres;
    this.#group = group;
    this.#server = server;
  }

  /** @returns the last answer. */
  async send(exchanges: readonly Exchange[]): Promise<Answer> {
    const answers: Answer[] = [];
    for (const exchange of exchanges) answers.push(await this.#send(exchange));
    const last = answers.at(-1);
    if (!last) throw new Error('Nothing was sent.');
    return last;
  }

  async #send(exchange: Exchange): Promise<Answer> {
    const { what, method, body, fact } = exchange;
    if (exchange.releases) this.#release();
    if (exchange.holds) this.#release = this.#postgres.hold(exchange.holds);
    const once = () => this.#arm.send(method, this.#urlOf(exchange), body);
    const ended = isObject(fact.body) && fact.body['status'] === 'Succeeded';
    const answer = await until(once, ({ json }) => !ended || json['status'] !== 'InProgress');
    expectFact(what, answer, fact);
    this.#operations.set(what, String(answer.headers['azure-asyncoperation']));
    if (exchange.ends) await this.#arm.finish(answer);
    return answer;
  }

  #urlOf({ path, apiVersion }: Exchange): string {
    if ('poll' in path) return this.#operations.get(path.poll) ?? '';
    const rest =
      'server' in path
        ? `/providers/Microsoft.DBforPostgreSQL/flexibleServers/${this.#server}${path.server}`
        : '';
    return `${this.#arm.subscription}/resourceGroups/${this.#group}${rest}?api-version=${apiVersion}`;
  }
}

describe('answers are as they were recorded', () => {
  test('over the life of a server, its children and its group (2022)', async ({ arm, postgres }) => {
    await new Replay(arm, postgres, groupName, serverName).send(serverLife);
  });

  test('over the life of a firewall rule, and when a server is stopped (2021)', async ({ arm, postgres }) => {
    const group = `${arm.subscription}/resourceGroups/other?api-version=2020-06-01`;
    await arm.send('PUT', group, { location: 'eastus' });
    await arm.complete('PUT', arm.server('other-server', '', 'other'), {
      location: 'eastus',
      sku: { name: 'Standard_D2s_v3', tier: 'GeneralPurpose' },
      properties: { administratorLogin: 'daeun', administratorLoginPassword: 'Pa88word!', version: '18' },
    });
    const replay = new Replay(arm, postgres, 'other', 'other-server');
    const deletion = await replay.send(ruleLife);
    const result = await arm.send('GET', String(deletion.headers['location']));
    expectFact('result of the deletion', result, resultOfDeletion);
    await replay.send([stop]);
  });
});

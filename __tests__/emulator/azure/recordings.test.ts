import { describe, expect, it } from 'vitest';
import { isObject, objectOr } from '../../../emulator/json.ts';
import { type Bench, useEmulator } from '../../helpers/emulator/azure-fixture.ts';
import { type Answer, at, until } from '../../helpers/emulator/http-client.ts';
import { hasReference, reference } from '../../helpers/emulator/reference.ts';

interface Interaction {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly responseBody: string;
}

function interactions(name: string): Interaction[] {
  const list = objectOr(reference(name))['interactions'];
  return (Array.isArray(list) ? list : []).map((entry) => ({
    method: String(at(entry, 'request', 'method')),
    url: String(at(entry, 'request', 'url')),
    body: String(at(entry, 'request', 'body') ?? ''),
    code: Number(at(entry, 'response', 'code')),
    headers: objectOr(at(entry, 'response', 'headers')) as Record<string, string>,
    responseBody: String(at(entry, 'response', 'body') ?? ''),
  }));
}

const guid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** What differs from run to run, or is this emulator's own, made the same on both sides. */
function normalise(text: string): string {
  return text
    .replaceAll(/https:\/\/(management\.azure\.com|127\.0\.0\.1:\d+)/g, 'ARM')
    .replaceAll(guid, 'GUID')
    .replaceAll(/&t=[^"]*&h=[^"&]*/g, '')
    .replace(/operationresults\/[^?]+/, 'operationresults/JOB');
}

// Values that no two servers share; the emulator's fresh servers have no earliestRestoreDate yet (facts.md §2).
const variable = ['startTime', 'fullyQualifiedDomainName', 'minorVersion'];
const absentOnFresh = ['earliestRestoreDate'];

function comparable(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.entries(value)
    .filter(([name]) => !absentOnFresh.includes(name))
    .map(([name, entry]) => [name, variable.includes(name) ? 'VARIES' : comparable(entry)]);
}

function parsed(text: string): unknown {
  return text === '' ? '' : comparable(JSON.parse(normalise(text)));
}

// Their values are of the moment; that they are there is the fact.
const valueVaries = /^(date|content-length|x-ms-.*id|x-ms-ratelimit-.*|note)$/;

function expectHeaders(recorded: Readonly<Record<string, string>>, answer: Answer): void {
  for (const [name, value] of Object.entries(recorded)) {
    const key = name.toLowerCase();
    if (key === 'note') continue;
    const actual = answer.headers[key];
    expect(actual, `header ${name}`).toBeDefined();
    if (!valueVaries.test(key)) expect(normalise(String(actual)), `header ${name}`).toBe(normalise(value));
  }
}

/** Plays recorded requests against the emulator, in their order, with its ids in place of theirs. */
class Replay {
  readonly #bench: Bench;
  readonly #versions: Readonly<Record<string, string>>;
  /** Recorded operation ids and the URLs that the emulator gave instead. */
  readonly #operations = new Map<string, string>();

  constructor(bench: Bench, versions: Readonly<Record<string, string>>) {
    this.#bench = bench;
    this.#versions = versions;
  }

  #translate(text: string): string {
    const { arm } = this.#bench;
    const replaced = Object.entries(this.#versions).reduce(
      (all, [from, to]) => all.replaceAll(from, to),
      text,
    );
    return replaced
      .replace('https://management.azure.com', arm.endpoint)
      .replace(/\/subscriptions\/[^/]+/, arm.subscription)
      .replace('{PASSWORD}', 'VerySecurePassword!1');
  }

  #urlOf({ url }: Interaction): string {
    const id = url.match(/(?:azureAsyncOperation|operationResults)\/([^?]+)/)?.[1];
    return (id === undefined ? undefined : this.#operations.get(id)) ?? this.#translate(url);
  }

  async send(recorded: Interaction): Promise<Answer> {
    const body = recorded.body === '' ? undefined : JSON.parse(this.#translate(recorded.body));
    const status = recorded.responseBody.match(/"status":"(\w+)"/)?.[1];
    const once = () => this.#bench.arm.send(recorded.method, this.#urlOf(recorded), body);
    // A recorded poll stands for all polls until that status is reached.
    const answer = await until(once, (poll) => status === undefined || poll.json['status'] === status);
    this.#remember(recorded, answer);
    return answer;
  }

  #remember(recorded: Interaction, answer: Answer): void {
    for (const [name, value] of Object.entries(recorded.headers)) {
      const id = value.match(/(?:azureAsyncOperation|operationResults)\/([^?]+)/)?.[1];
      const given = answer.headers[name.toLowerCase()];
      if (id === undefined || given === undefined) continue;
      // A poll's URL is the one of its kind; the other kind is derived by the client that kept both.
      if (name.toLowerCase() === 'azure-asyncoperation') this.#operations.set(id, String(given));
    }
  }

  expectAgreement(recorded: Interaction, answer: Answer): void {
    expect(answer.status).toBe(recorded.code);
    expectHeaders(this.#translateHeaders(recorded.headers), answer);
    expect(parsed(answer.text)).toEqual(parsed(this.#translate(recorded.responseBody)));
  }

  #translateHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, this.#translate(String(value))]),
    );
  }
}

const crud = 'recordings/aso-2021-06-01-crud.json';
describe.skipIf(!hasReference(crud))(
  'the recorded life of a server, its children and its group (2022)',
  () => {
    // The real PostgreSQL, at Azure's own Retry-After; slow enough for a poll to see an operation under way.
    const bench = useEmulator({ retryAfter: 1, provision: 3000, firewallDelay: 100 }, 'real');

    it('has the recorded codes, headers and bodies, in the recorded order', async () => {
      // The recorded major is older than those that run here.
      const replay = new Replay(bench, { '"version":"13"': '"version":"17"' });
      for (const recorded of interactions(crud)) {
        const answer = await replay.send(recorded);
        replay.expectAgreement(recorded, answer);
        // "PUT on an EXISTING server; first poll already Succeeded": its operation is over before the next request.
        if (recorded.body.includes('customWindow')) await bench.arm.finish(answer);
      }
    });
  },
);

const rule = 'recordings/azure-powershell-2021-firewallrule.json';
describe.skipIf(!hasReference(rule))('the recorded life of a firewall rule (2021)', () => {
  const bench = useEmulator({ retryAfter: 1 });

  it('has the recorded codes, headers and bodies; its result is empty once it is gone', async () => {
    const { arm } = bench;
    await arm.send('PUT', `${arm.subscription}/resourceGroups/PostgreSqlTest?api-version=2020-06-01`, {
      location: 'eastus',
    });
    await arm.complete('PUT', arm.server('postgresql-flexible-test-100', '', 'PostgreSqlTest'), {
      location: 'eastus',
      sku: { name: 'Standard_D2s_v3', tier: 'GeneralPurpose' },
      properties: { administratorLogin: 'daeun', administratorLoginPassword: 'Pa88word!', version: '18' },
    });
    const replay = new Replay(bench, {});
    const [put, poll, remove, result] = interactions(rule);
    if (!put || !poll || !remove || !result) throw new Error('The recording has changed.');
    for (const recorded of [put, poll, remove]) {
      const answer = await replay.send(recorded);
      replay.expectAgreement(recorded, answer);
      if (recorded !== remove) continue;
      await arm.finish(answer);
      replay.expectAgreement(result, await arm.send('GET', String(answer.headers['location'])));
    }
  });
});

const stop = 'recordings/azure-cli-2021-stop.json';
describe.skipIf(!hasReference(stop))('the recorded stop of a server (2021)', () => {
  const bench = useEmulator({ retryAfter: 1 });

  it('has the recorded code, headers and body', async () => {
    const { arm } = bench;
    const [recorded] = interactions(stop);
    if (!recorded) throw new Error('The recording has changed.');
    const group = 'clitest.rg000001';
    await arm.send('PUT', `${arm.subscription}/resourceGroups/${group}?api-version=2020-06-01`, {
      location: 'eastus2euap',
    });
    await arm.complete('PUT', arm.server('azuredbclitest-000002', '', group), {
      location: 'eastus2euap',
      sku: { name: 'Standard_D2s_v3', tier: 'GeneralPurpose' },
      properties: { administratorLogin: 'alice', administratorLoginPassword: 'Pa88word!', version: '18' },
    });
    // The preview of the recording came before the first version that the emulator answers.
    const replay = new Replay(bench, { '2020-02-14-preview': '2021-06-01' });
    replay.expectAgreement(recorded, await replay.send(recorded));
  });
});

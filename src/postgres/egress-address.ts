import { isIPv4, notPublic } from '../config/addresses.ts';
import { ActionError, catalogue, fail, messageOf } from '../errors.ts';

/** Milliseconds for one echo service to answer. */
const ECHO_TIMEOUT_MS = 3000;

/** Characters of an answer that are read: an address with the white space around it. */
const MAX_ANSWER = 100;

/** Echo services see this runner at different addresses: its network has several. */
export class EchoesDisagree extends ActionError {
  readonly addresses: readonly string[];

  /** @param answers two that differ */
  constructor(answers: readonly { readonly service: string; readonly address: string }[]) {
    const reason = `${answers.map(({ service, address }) => `${service} sees ${address}`).join(', but ')}.`;
    super('egress-address-unknown', catalogue['egress-address-unknown']({ reason }), {});
    this.addresses = answers.map(({ address }) => address);
  }
}

/**
 * The public IPv4 address of this runner, as two echo services agree on it. A service that does not answer is
 * replaced by the next.
 * @param services HTTPS URLs that answer with the caller's address as text
 * @throws `egress-address-unknown`; as {@link EchoesDisagree}, which names both, where two answers differ
 */
export async function egressAddress(services: readonly string[], signal: AbortSignal): Promise<string> {
  const answers: { service: string; address: string }[] = [];
  const silent: string[] = [];
  const queue = [...services];
  while (answers.length < 2 && queue.length > 0) {
    const asked = queue.splice(0, 2 - answers.length);
    for (const [i, answer] of (await Promise.allSettled(asked.map((url) => ask(url, signal)))).entries()) {
      const service = asked[i] ?? '';
      if (answer.status === 'fulfilled') answers.push({ service, address: answer.value });
      else silent.push(`${service}: ${messageOf(answer.reason)}`);
    }
  }
  signal.throwIfAborted();
  const [one, two] = answers;
  if (one === undefined || two === undefined) {
    throw fail('egress-address-unknown', {
      reason: `fewer than two echo services answered (${silent.join('; ')}).`,
    });
  }
  if (one.address !== two.address) throw new EchoesDisagree([one, two]);
  const why = notPublic(one.address);
  if (why !== undefined) throw fail('egress-address-unknown', { reason: `${why}.` });
  return one.address;
}

async function ask(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ECHO_TIMEOUT_MS)]),
  });
  const text = (await startOf(response)).trim();
  if (!response.ok || !isIPv4(text)) throw new Error(`answered HTTP ${response.status} and no IPv4 address`);
  return text;
}

/** The body up to a little more than the longest answer; what follows is never read. */
async function startOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER) break;
  }
  return text;
}

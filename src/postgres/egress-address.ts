import { isIPv4, notPublic } from '../config/addresses.ts';
import { fail, messageOf } from '../errors.ts';

/** Milliseconds for one echo service to answer. */
const patience = 3000;

/**
 * The public IPv4 address of this runner, as two echo services agree on it. A service that does not answer is
 * replaced by the next; an answer that differs is an error that names both (design.md, the egress address).
 * @param services HTTPS URLs that answer with the caller's address as text
 * @throws `egress-address-unknown`
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
  if (one.address !== two.address) {
    const reason = `${one.service} sees ${one.address}, but ${two.service} sees ${two.address}.`;
    throw fail('egress-address-unknown', { reason });
  }
  const why = notPublic(one.address);
  if (why !== undefined) throw fail('egress-address-unknown', { reason: `${why}.` });
  return one.address;
}

async function ask(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]) });
  const text = (await response.text()).trim();
  if (!response.ok || !isIPv4(text)) throw new Error(`answered HTTP ${response.status} and no IPv4 address`);
  return text;
}

import { isIPv4, validatePublicAddress } from '../common/addresses.ts';
import { ActionError, actionError, errorCatalog, getErrorMessage } from '../common/errors.ts';

/** Milliseconds for one echo service to answer. */
const ECHO_TIMEOUT_MS = 3000;

/** Characters of a response that are read: an address with white space around it. */
const MAX_RESPONSE_LENGTH = 100;

/** Two echo services see this runner at different addresses, because its network has several. */
export class ConflictingAddressesError extends ActionError {
  readonly addresses: readonly string[];

  constructor(answers: readonly { readonly service: string; readonly address: string }[]) {
    const reason = `${answers.map(({ service, address }) => `${service} sees ${address}`).join(', but ')}.`;
    super('egress-address-unknown', errorCatalog['egress-address-unknown']({ reason }), {});
    this.addresses = answers.map(({ address }) => address);
  }
}

/**
 * The public IPv4 address of this runner on which two echo services agree. The next service replaces one that does not
 * answer.
 * @param services HTTPS URLs that answer with the caller's address as text
 * @throws `egress-address-unknown`; a {@link ConflictingAddressesError} if two services disagree
 */
export async function detectEgressAddress(services: readonly string[], signal: AbortSignal): Promise<string> {
  const answers: { service: string; address: string }[] = [];
  const failures: string[] = [];
  const queue = [...services];
  while (answers.length < 2 && queue.length > 0) {
    const batch = queue.splice(0, 2 - answers.length);
    for (const [i, answer] of (
      await Promise.allSettled(batch.map((url) => askEchoService(url, signal)))
    ).entries()) {
      const service = batch[i] ?? '';
      if (answer.status === 'fulfilled') answers.push({ service, address: answer.value });
      else failures.push(`${service}: ${getErrorMessage(answer.reason)}`);
    }
  }
  signal.throwIfAborted();
  const [first, second] = answers;
  if (first === undefined || second === undefined) {
    throw actionError('egress-address-unknown', {
      reason: `fewer than two echo services answered (${failures.join('; ')}).`,
    });
  }
  if (first.address !== second.address) throw new ConflictingAddressesError([first, second]);
  const problem = validatePublicAddress(first.address);
  if (problem !== undefined) throw actionError('egress-address-unknown', { reason: `${problem}.` });
  return first.address;
}

async function askEchoService(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ECHO_TIMEOUT_MS)]),
  });
  const text = (await readStart(response)).trim();
  if (!response.ok || !isIPv4(text)) throw new Error(`answered HTTP ${response.status} and no IPv4 address`);
  return text;
}

/** The start of the body, a little longer than the longest valid response. */
async function readStart({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_RESPONSE_LENGTH) break;
  }
  return text;
}

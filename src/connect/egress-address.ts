import { isIPv4, validatePublicAddress } from '../common/addresses.ts';
import { ActionError, actionError, errorCatalog, getErrorMessage } from '../common/errors.ts';
import { getText, ResponseTooLargeError } from '../common/get-text.ts';
import { describeTimeout, findNetworkFailure } from '../common/network-failure.ts';
import { formatDuration } from '../common/polling.ts';

/** Milliseconds for one echo service to answer. */
const ECHO_TIMEOUT_MS = 3000;

/** Bytes of a response that are read; an address has few, and the page of a proxy can have any number. */
const MAX_RESPONSE_BYTES = 10_000;

/** Two echo services see this runner at different addresses, because its network has several. */
export class ConflictingAddressesError extends ActionError {
  readonly addresses: readonly string[];

  constructor(answers: readonly { readonly service: string; readonly address: string }[]) {
    const addresses = [...new Set(answers.map(({ address }) => address))];
    const reason = `${answers.map(({ service, address }) => `${service} sees ${address}`).join(', but ')}.`;
    const hint = addressPoolHint(addresses);
    super('egress-address-unknown', errorCatalog['egress-address-unknown'].text({ reason, hint }), {});
    this.addresses = addresses;
  }
}

/** What to do if connections leave the network of this runner from several addresses, so that no single one is enough. */
export const addressPoolHint = (addresses: readonly string[]): string =>
  `Connections leave the network of this runner from several addresses (${addresses.join(', ')}). Set allowed-ip-ranges in the step with mode: ensure to all of them: the ranges of its NAT gateway or proxy pool.`;

/** What to do if the echo services do not determine the address. */
const RUNNER_IP_HINT =
  'Or set runner-ip to the public address from which this runner reaches PostgreSQL, or allowed-ip-ranges in the step with mode: ensure to all addresses of its network.';

/**
 * The public IPv4 address of this runner on which two echo services agree. All are asked at once, the first two answers
 * count, and the other requests are aborted.
 * @param services HTTPS URLs that answer with the caller's address as text
 * @param onAnswer called with each address that a service answers
 * @throws `egress-address-unknown`; a {@link ConflictingAddressesError} if two services disagree; the reason of the signal
 */
export async function detectEgressAddress(
  services: readonly string[],
  signal: AbortSignal,
  onAnswer: (address: string) => void = () => {},
): Promise<string> {
  const enough = new AbortController();
  const anySignal = AbortSignal.any([signal, enough.signal]);
  const answers: { service: string; address: string }[] = [];
  const failures: { service: string; error: unknown }[] = [];
  const ask = async (service: string): Promise<void> => {
    try {
      const address = await askEchoService(service, anySignal);
      if (enough.signal.aborted) return;
      answers.push({ service, address });
      onAnswer(address);
      if (answers.length === 2) enough.abort();
    } catch (error) {
      failures.push({ service, error });
    }
  };
  await Promise.all(services.map(ask));
  signal.throwIfAborted();
  const [first, second] = answers;
  if (first === undefined || second === undefined) throw tooFewAnswersError(failures);
  if (first.address !== second.address) throw new ConflictingAddressesError([first, second]);
  const problem = validatePublicAddress(first.address);
  if (problem !== undefined)
    throw actionError('egress-address-unknown', {
      reason: `${problem}.`,
      hint: 'Set runner-ip to the public address from which this runner reaches PostgreSQL.',
    });
  return first.address;
}

/** The address of this runner while it is being determined. */
export interface EgressDetection {
  readonly address: Promise<string>;
  /** The first answer of an echo service, which another one may not confirm; undefined without any answer. */
  readonly firstAnswer: Promise<string | undefined>;
  /** Aborts the requests to the echo services that have no answer yet. */
  readonly stop: () => void;
}

/**
 * Starts to determine the address of this runner, which a person may have given.
 * @param runnerIp the input runner-ip
 */
export function startEgressDetection(
  runnerIp: string | undefined,
  detect: (signal: AbortSignal, onAnswer: (address: string) => void) => Promise<string>,
): EgressDetection {
  const stopped = new AbortController();
  const firstAnswer = Promise.withResolvers<string | undefined>();
  const address =
    runnerIp === undefined ? detect(stopped.signal, firstAnswer.resolve) : Promise.resolve(runnerIp);
  void address.then(firstAnswer.resolve, () => firstAnswer.resolve(undefined));
  return { address, firstAnswer: firstAnswer.promise, stop: () => stopped.abort() };
}

function tooFewAnswersError(failures: readonly { service: string; error: unknown }[]): ActionError {
  const texts = failures.map(({ service, error }) =>
    findNetworkFailure(error) === undefined
      ? `${service}: ${getErrorMessage(error)}`
      : getErrorMessage(error),
  );
  const hints = failures
    .map(({ error }) => findNetworkFailure(error)?.hint)
    .filter((hint) => hint !== undefined);
  return actionError('egress-address-unknown', {
    reason: `fewer than two of the services that return the address of their caller answered (${texts.join('; ')}).`,
    hint: [hints[0] ?? 'Permit requests from this runner to these services.', RUNNER_IP_HINT].join(' '),
  });
}

async function askEchoService(url: string, signal: AbortSignal): Promise<string> {
  const timeout = AbortSignal.timeout(ECHO_TIMEOUT_MS);
  const request = { signal: AbortSignal.any([signal, timeout]), maxBytes: MAX_RESPONSE_BYTES };
  try {
    const { status, text } = await getText(url, request);
    const address = text.trim();
    if (status !== 200 || !isIPv4(address)) throw new Error(`answered HTTP ${status} and no IPv4 address`);
    return address;
  } catch (error) {
    if (error instanceof ResponseTooLargeError) throw new Error('answered with a page and no IPv4 address');
    if (!timeout.aborted || signal.aborted) throw error;
    throw describeTimeout(`no answer within ${formatDuration(ECHO_TIMEOUT_MS)}`, url);
  }
}

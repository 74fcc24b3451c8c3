import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { toInputEnv } from '../../../workflow-runner/bundle-step.ts';
import type { Figure } from '../figures.ts';
import { interleavedMedians, measureNode } from '../interleave.ts';
import { type BenchContext, BenchJob, typicalInputs } from '../step.ts';

const ROUNDS = 15;
/** The target for a step that only starts and ends, and for a step that sends its first request, each times bare Node.js. */
const END_TARGET = 1.8;
const REQUEST_TARGET = 2.5;

/** Listeners that accept connections and never answer. */
interface SilentListeners {
  /** The service of GitHub's OIDC token. */
  readonly oidc: Server;
  /** The environment of a job that signs in there; all other services are at the second listener. */
  readonly env: Readonly<Record<string, string>>;
  close(): void;
}

async function listenSilently(): Promise<SilentListeners> {
  const listeners = [createServer(), createServer()] as const;
  const urls = await Promise.all(
    listeners.map(async (listener) => {
      listener.listen(0, '127.0.0.1');
      await once(listener, 'listening');
      return `https://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    }),
  );
  const [oidc = '', other = ''] = urls;
  const id = '00000000-0000-4000-8000-000000000000';
  return {
    oidc: listeners[0],
    env: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${oidc}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'token',
      GITHUB_API_URL: other,
      AZURE_AUTHORITY_HOST: other,
      AZURE_RESOURCE_MANAGER_ENDPOINT: other,
      IP_ECHO_URLS: `${other}/,${other}/`,
      AZURE_CLIENT_ID: id,
      AZURE_TENANT_ID: id,
      AZURE_SUBSCRIPTION_ID: id,
    },
    close: () => {
      for (const listener of listeners) listener.close();
    },
  };
}

/**
 * Milliseconds from the spawn until the connection for GitHub's token arrives. The request itself follows after a TLS
 * handshake, which this listener does not answer, so the arrival of the connection counts.
 */
async function measureUntilConnection(job: BenchJob, listener: Server): Promise<number> {
  const arrival = once(listener, 'connection').then(([socket]) => {
    const at = performance.now();
    socket.on('error', () => {});
    return at;
  });
  const start = performance.now();
  const child = spawn(process.execPath, [job.file('main')], {
    env: { ...job.env, ...toInputEnv(typicalInputs) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const closed = once(child, 'close');
  const at = await Promise.race([arrival, closed.then(() => undefined)]);
  if (at === undefined) throw new Error(`main ended before its first request:\n${output}`);
  child.kill('SIGKILL');
  await closed;
  return at - start;
}

/** How long the bundle takes to start. */
export async function measureStart(context: BenchContext): Promise<readonly Figure[]> {
  const listeners = await listenSilently();
  try {
    const { PATH = '', HOME = '' } = process.env;
    const newJob = () => new BenchJob(context, listeners.env);
    const medians = await interleavedMedians(ROUNDS, {
      bareNode: () => measureNode({ args: ['-e', '0'], env: { PATH, HOME }, exitCode: 0 }),
      inputError: async () => (await newJob().main({}, 1)).milliseconds,
      emptyPost: async () => (await newJob().post()).milliseconds,
      firstRequest: () => measureUntilConnection(newJob(), listeners.oidc),
    });
    const toFigure = (what: string, milliseconds: number, target: number, chartLabel: string): Figure => ({
      row: 'start',
      what,
      measured: milliseconds / 1000,
      unit: 's',
      against: 'bare `node -e 0`',
      baseline: medians.bareNode / 1000,
      comparison: 'ratio',
      target,
      chartLabel,
    });
    return [
      toFigure('input error', medians.inputError, END_TARGET, 'Start to an input error'),
      toFigure('post without a task', medians.emptyPost, END_TARGET, 'Post without a task'),
      toFigure(
        'start to the first connection (sign-in)',
        medians.firstRequest,
        REQUEST_TARGET,
        'Start to the first request',
      ),
    ];
  } finally {
    listeners.close();
  }
}

import { AsyncLocalStorage } from 'node:async_hooks';
import tls from 'node:tls';

/** The environment and the output of code that runs in this process as if it had its own. */
export interface ProcessContext {
  readonly env: NodeJS.ProcessEnv;
  /** Called with everything that is written to standard output and standard error. */
  readonly onOutput: (text: string) => void;
}

const contexts = new AsyncLocalStorage<ProcessContext>();

/**
 * Runs code as if it had its own process: `process.env`, standard output and standard error are those of the context, also
 * in everything that the code calls and awaits, and also if several contexts run at once. A run of the action is much
 * faster this way than in a process. Signals, the exit code, inherited file descriptors and what Node reads at its start
 * need a process.
 */
export function runInContext<T>(context: ProcessContext, callback: () => Promise<T>): Promise<T> {
  patchProcessGlobals();
  return contexts.run(context, callback);
}

/**
 * Makes TLS connections of this process trust a root certificate, as NODE_EXTRA_CA_CERTS does for a new process.
 * @returns a function that removes the certificate again
 */
export function trustRootCertificate(pem: string): () => void {
  const otherCertificates = () =>
    tls.getCACertificates('default').filter((other) => other.trim() !== pem.trim());
  tls.setDefaultCACertificates([...otherCertificates(), pem]);
  return () => tls.setDefaultCACertificates(otherCertificates());
}

let globalsPatched = false;

function patchProcessGlobals(): void {
  if (globalsPatched) return;
  globalsPatched = true;
  const realEnv = process.env;
  const currentEnv = (): NodeJS.ProcessEnv => contexts.getStore()?.env ?? realEnv;
  process.env = new Proxy(realEnv, {
    get: (_, name) => Reflect.get(currentEnv(), name),
    set: (_, name, value) => Reflect.set(currentEnv(), name, value),
    has: (_, name) => Reflect.has(currentEnv(), name),
    deleteProperty: (_, name) => Reflect.deleteProperty(currentEnv(), name),
    ownKeys: () => Reflect.ownKeys(currentEnv()),
    getOwnPropertyDescriptor(_, name) {
      const descriptor = Reflect.getOwnPropertyDescriptor(currentEnv(), name);
      // The proxy's target does not have this property, so the proxy must report it as configurable.
      return descriptor && { ...descriptor, configurable: true };
    },
  });
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream);
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const context = contexts.getStore();
      if (context === undefined) return write(chunk, ...(rest as []));
      context.onOutput(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
      const done = rest.find((argument) => typeof argument === 'function');
      done?.();
      return true;
    }) as typeof stream.write;
  }
}

import { AsyncLocalStorage } from 'node:async_hooks';
import tls from 'node:tls';

/** What code that runs in this process is to take for its process: environment and output. */
export interface ProcessContext {
  readonly env: NodeJS.ProcessEnv;
  /** Everything that is written to standard output and standard error. */
  readonly onOutput: (text: string) => void;
}

const contexts = new AsyncLocalStorage<ProcessContext>();

/**
 * Runs code as if it had a process of its own: `process.env` and what is written to standard output and
 * standard error are those of the context, also in whatever it calls and awaits, and also where several run at once. That is how a whole run of the action costs a
 * fraction of what a process of the bundle costs, with the same code. What is not covered, and needs the bundle:
 * signals, the exit code, file descriptors that a child inherits, and what Node reads once at its start.
 */
export function runInContext<T>(context: ProcessContext, callback: () => Promise<T>): Promise<T> {
  patchProcessGlobals();
  return contexts.run(context, callback);
}

/**
 * Lets TLS connections of this process trust a root certificate, as NODE_EXTRA_CA_CERTS does for a new process.
 * @returns what takes the trust away again
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
      // The proxy's own target has not this property, so it must not say that it cannot change.
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

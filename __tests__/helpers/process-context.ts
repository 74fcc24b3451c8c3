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
export function runInContext<T>(context: ProcessContext, work: () => Promise<T>): Promise<T> {
  install();
  return contexts.run(context, work);
}

/**
 * Lets TLS connections of this process trust a root certificate, as NODE_EXTRA_CA_CERTS does for a new process.
 * @returns what takes the trust away again
 */
export function trustRootCertificate(pem: string): () => void {
  const others = () => tls.getCACertificates('default').filter((other) => other.trim() !== pem.trim());
  tls.setDefaultCACertificates([...others(), pem]);
  return () => tls.setDefaultCACertificates(others());
}

let installed = false;

function install(): void {
  if (installed) return;
  installed = true;
  const real = process.env;
  const current = (): NodeJS.ProcessEnv => contexts.getStore()?.env ?? real;
  process.env = new Proxy(real, {
    get: (_, name) => Reflect.get(current(), name),
    set: (_, name, value) => Reflect.set(current(), name, value),
    has: (_, name) => Reflect.has(current(), name),
    deleteProperty: (_, name) => Reflect.deleteProperty(current(), name),
    ownKeys: () => Reflect.ownKeys(current()),
    getOwnPropertyDescriptor(_, name) {
      const descriptor = Reflect.getOwnPropertyDescriptor(current(), name);
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

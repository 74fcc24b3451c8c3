import { findProxyProblem } from './proxy.ts';

/**
 * Variables that an earlier step may have set and that the action's libraries read. They would redirect secrets, weaken
 * TLS or break the run. The action sets all these values itself.
 */
const UNSAFE_VARIABLES = [
  // Node.js: turns off TLS verification.
  /^NODE_TLS_REJECT_UNAUTHORIZED$/i,
  // pg: loads a native driver that is not in the bundle.
  /^NODE_PG_FORCE_NATIVE$/i,
  // pg: a default for each field of a connection (PGPASSWORD, PGSSLMODE, PGREPLICATION, …).
  /^PG[A-Z]/i,
  // @azure/identity and @azure/msal-node: prefix of the host that receives the client secret or the assertion.
  /^AZURE_REGIONAL_AUTHORITY_NAME$/i,
  /^MSAL_FORCE_REGION$/i,
] as const;

/**
 * Removes the unsafe variables from an environment, and the proxies that are not usable: @actions/github reads a proxy when
 * it is loaded, and would end the process. {@link originalEnvironment} still has them, and `main` reports them.
 * @returns the removed variables
 */
export function removeUnsafeVariables(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const found = Object.entries(env).filter(
    ([name, value]) =>
      UNSAFE_VARIABLES.some((pattern) => pattern.test(name)) || findProxyProblem(name, value) !== undefined,
  );
  for (const [name] of found) delete env[name];
  return Object.fromEntries(found.map(([name, value]) => [name, value ?? '']));
}

// index.ts imports this module first, so that no library reads the variables.
const removedVariables = removeUnsafeVariables(process.env);

/** The environment that the runner set, as a `run:` step gets it. */
export const originalEnvironment = (): NodeJS.ProcessEnv => ({ ...removedVariables, ...process.env });

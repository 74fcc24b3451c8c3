/**
 * Variables that an earlier step may have set and that the libraries of the action read when they are loaded or connect.
 * They would redirect secrets, weaken TLS or break the run, and the action has its own values for all that they say.
 */
const UNSAFE_VARIABLES = [
  // Node: turns the verification of TLS off.
  /^NODE_TLS_REJECT_UNAUTHORIZED$/i,
  // pg: loads a native driver that is not in the bundle.
  /^NODE_PG_FORCE_NATIVE$/i,
  // pg: a default for each field of a connection (PGPASSWORD, PGSSLMODE, PGREPLICATION, …).
  /^PG[A-Z]/i,
  // @azure/identity and @azure/msal-node: put in front of the host that the client secret or the assertion is sent to.
  /^AZURE_REGIONAL_AUTHORITY_NAME$/i,
  /^MSAL_FORCE_REGION$/i,
] as const;

/**
 * Removes from an environment what must not reach the libraries.
 * @returns what was removed, by name
 */
export function removeUnsafeVariables(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const found = Object.entries(env).filter(([name]) =>
    UNSAFE_VARIABLES.some((pattern) => pattern.test(name)),
  );
  for (const [name] of found) delete env[name];
  return Object.fromEntries(found.map(([name, value]) => [name, value ?? '']));
}

/** What was removed from this process before any library was loaded, since index.ts imports this module first. */
const removedVariables = removeUnsafeVariables(process.env);

/** The environment as the runner gave it, and as a `run:` step would have it. */
export const originalEnvironment = (): NodeJS.ProcessEnv => ({ ...removedVariables, ...process.env });

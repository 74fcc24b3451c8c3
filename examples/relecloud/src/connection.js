/**
 * The connection as the workflow's step publishes it: DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD, DB_SSLMODE.
 * Anything but `disable` means TLS with the server's certificate verified, which is more than libpq's `require`.
 */
export function connection(env = process.env) {
  const missing = ['DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'].filter((name) => !env[name]);
  if (missing.length > 0) {
    throw new Error(
      `${missing.join(', ')} missing: run after the step that ensures the database, or set them.`,
    );
  }
  return {
    host: env.DB_HOST,
    port: Number(env.DB_PORT || 5432),
    database: env.DB_NAME,
    user: env.DB_USER,
    password: env.DB_PASSWORD,
    ssl: env.DB_SSLMODE !== 'disable',
    connectionTimeoutMillis: 15_000,
  };
}

/**
 * The connection that the action publishes in DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD and DB_SSLMODE. With any
 * DB_SSLMODE but `disable`, the server's certificate is verified, which is stricter than libpq's `require`.
 */
export function connection(env = process.env) {
  const missing = ['DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'].filter((name) => !env[name]);
  if (missing.length > 0) {
    throw new Error(
      `Missing environment variables: ${missing.join(', ')}. Run this after the action's step, or set them.`,
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

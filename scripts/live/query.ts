import pg from 'pg';

/* A migration command: executes its first argument as SQL, with the connection of the action over verified TLS. */

const { DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME } = process.env;
const client = new pg.Client({
  host: DB_HOST,
  port: Number(DB_PORT),
  user: DB_USER,
  password: DB_PASSWORD,
  database: DB_NAME,
  ssl: true,
});
await client.connect();
await client.query(process.argv[2] ?? '');
await client.end();

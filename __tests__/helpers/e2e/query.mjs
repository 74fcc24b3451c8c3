// A PostgreSQL client for migration commands of tests, because psql may not be installed. Executes its first argument
// with the connection in its environment, over verified TLS, and prints notices on standard error as psql does.
import pg from 'pg';

const { DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD } = process.env;
const client = new pg.Client({
  host: DB_HOST,
  port: Number(DB_PORT),
  database: DB_NAME,
  user: DB_USER,
  password: DB_PASSWORD,
  ssl: true,
  connectionTimeoutMillis: 3000,
});
client.on('notice', ({ message }) => console.error(`NOTICE: ${message}`));
await client.connect();
const { rows } = await client.query(process.argv[2]);
console.log(JSON.stringify(rows ?? []));
await client.end();

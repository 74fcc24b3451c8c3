import pg from 'pg';
import { book, listCruises } from './catalogue.js';
import { connection } from './connection.js';

const usage = 'Usage: node src/cli.js [list] | book CRUISE PASSENGER BERTHS';

async function list(client) {
  const security = connection().ssl ? 'over TLS, its certificate verified' : 'without TLS';
  console.log(`Connected to ${client.database} on ${client.host} ${security}.`);
  console.table(await listCruises(client));
}

const [command = 'list', ...args] = process.argv.slice(2);
const client = new pg.Client(connection());
await client.connect();
try {
  if (command === 'list') {
    await list(client);
  } else if (command === 'book' && args.length === 3) {
    const [cruise, passenger, berths] = args;
    await book(client, cruise, passenger, Number(berths));
    console.log(`Booked ${berths} on '${cruise}' for ${passenger}.`);
  } else {
    console.error(usage);
    process.exitCode = 2;
  }
} finally {
  await client.end();
}

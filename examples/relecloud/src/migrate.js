import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import { connection } from './connection.js';

const done = await runner({
  databaseUrl: connection(),
  dir: join(import.meta.dirname, '..', 'migrations'),
  direction: 'up',
  migrationsTable: 'migrations',
  log: () => {},
});
for (const { name } of done) console.log(`migrated: ${name}`);
if (done.length === 0) console.log('nothing to migrate');

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { CertificateAuthority } from '../../../emulator/core/certificates.ts';
import { createPostgresFactory } from '../../../emulator/postgres/postgres-factory.ts';
import type { Figure } from '../figures.ts';
import { interleavedMedians } from '../interleave.ts';

/** Sizes in MiB of the table in each template. */
const TEMPLATE_SIZES_MIB = [0, 32, 64, 128, 256, 512];
const ROUNDS = 3;

async function measureSeconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Seconds of a clone with each strategy. */
function measureTemplate(admin: pg.Client, size: number): Promise<Record<'wal_log' | 'file_copy', number>> {
  const clone = async (strategy: string): Promise<number> => {
    const seconds = await measureSeconds(() =>
      admin.query(`CREATE DATABASE clone TEMPLATE template_${size} STRATEGY ${strategy}`),
    );
    await admin.query('DROP DATABASE clone');
    return seconds;
  };
  return interleavedMedians(ROUNDS, { wal_log: () => clone('wal_log'), file_copy: () => clone('file_copy') });
}

/**
 * Measures clones with each strategy on the emulator's PostgreSQL, the median of three. That PostgreSQL flushes nothing to
 * disk, so a checkpoint, which is the fixed cost of FILE_COPY, is cheaper than on a real server.
 */
export async function measureCloneStrategies(): Promise<readonly Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-clone-'));
  await chmod(directory, 0o711);
  const authority = await CertificateAuthority.create();
  const address = '203.0.113.9';
  const clientAddresses = { getPublicAddress: () => address };
  const factory = await createPostgresFactory({ directory, certificates: authority, clientAddresses });
  const figures: Figure[] = [];
  try {
    for (const major of factory.supportedMajors) {
      const server = await factory.create({
        name: 'bench',
        major,
        administratorLogin: 'bench',
        administratorLoginPassword: 'VerySecurePassword!1',
        passwordStorage: 'scram-sha-256',
        allowsDatabaseCreation: true,
        blockedBehavior: 'reject',
        firewallDelayMs: 0,
      });
      server.firewall.setRules(new Map([['bench', { startIpAddress: address, endIpAddress: address }]]));
      await server.start();
      const connectTo = async (database: string): Promise<pg.Client> => {
        const ssl = { ca: authority.pem };
        const client = new pg.Client({
          host: server.address,
          user: 'bench',
          password: 'VerySecurePassword!1',
          database,
          ssl,
        });
        await client.connect();
        return client;
      };
      const admin = await connectTo('postgres');
      for (const size of TEMPLATE_SIZES_MIB) {
        await admin.query(`CREATE DATABASE template_${size}`);
        const templateClient = await connectTo(`template_${size}`);
        await templateClient.query(
          `CREATE TABLE filling AS SELECT repeat('x', 1000) AS text FROM generate_series(1, ${size} * 1000)`,
        );
        const { rows: sizeRows } = await templateClient.query(
          'SELECT pg_database_size(current_database()) AS size',
        );
        await templateClient.end();
        const measured = await measureTemplate(admin, size);
        figures.push({
          row: 'clone-strategies',
          what: `clone of ${Math.round(Number(sizeRows[0].size) / 1024 ** 2)} MiB on PostgreSQL ${major} with WAL_LOG`,
          measured: measured.wal_log,
          unit: 's',
          against: 'FILE_COPY',
          baseline: measured.file_copy,
          comparison: 'ratio',
        });
        await admin.query(`DROP DATABASE template_${size}`);
      }
      await admin.end();
      await server.destroy();
    }
  } finally {
    await factory.close();
    await rm(directory, { recursive: true, force: true });
  }
  return figures;
}

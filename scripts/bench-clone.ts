import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { CertificateAuthority } from '../emulator/certificates.ts';
import { createPostgresFactory } from '../emulator/postgres/index.ts';

/** One template's clones by both strategies, in seconds. */
export interface CloneRow {
  readonly major: string;
  /** Of the template, in MiB. */
  readonly size: number;
  readonly walLog: number;
  readonly fileCopy: number;
}

/** Megabytes that the table of each template holds. */
const sizes = [0, 32, 64, 128, 256, 512];
const rounds = 3;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

const middle = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;

async function measureTemplate(admin: pg.Client, size: number): Promise<Omit<CloneRow, 'major' | 'size'>> {
  const clone = async (strategy: string): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      times.push(
        await seconds(() =>
          admin.query(`CREATE DATABASE clone TEMPLATE template_${size} STRATEGY ${strategy}`),
        ),
      );
      await admin.query('DROP DATABASE clone');
    }
    return middle(times);
  };
  return { walLog: await clone('wal_log'), fileCopy: await clone('file_copy') };
}

/**
 * How long a clone takes by each strategy, the median of three, on the emulator's PostgreSQL. It flushes nothing to disk,
 * so a checkpoint, FILE_COPY's fixed cost, is cheaper here than on a server.
 */
export async function measureClones(): Promise<readonly CloneRow[]> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-clone-'));
  await chmod(directory, 0o711);
  const authority = await CertificateAuthority.create();
  const address = '203.0.113.9';
  const clients = { publicAddressOf: () => address };
  const factory = await createPostgresFactory({ directory, certificates: authority, clients });
  const rows: CloneRow[] = [];
  try {
    for (const major of factory.supportedMajors) {
      const server = await factory.create({
        name: 'bench',
        major,
        administratorLogin: 'bench',
        administratorLoginPassword: 'VerySecurePassword!1',
        passwordStorage: 'scram-sha-256',
        blocked: 'reject',
        firewallDelay: 0,
      });
      server.setRules(new Map([['bench', { startIpAddress: address, endIpAddress: address }]]));
      await server.start();
      const login = async (database: string): Promise<pg.Client> => {
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
      const admin = await login('postgres');
      for (const size of sizes) {
        await admin.query(`CREATE DATABASE template_${size}`);
        const inside = await login(`template_${size}`);
        await inside.query(
          `CREATE TABLE filling AS SELECT repeat('x', 1000) AS text FROM generate_series(1, ${size} * 1000)`,
        );
        const { rows: found } = await inside.query('SELECT pg_database_size(current_database()) AS size');
        await inside.end();
        const measured = await measureTemplate(admin, size);
        rows.push({ major, size: Math.round(Number(found[0].size) / 1024 ** 2), ...measured });
        await admin.query(`DROP DATABASE template_${size}`);
      }
      await admin.end();
      await server.destroy();
    }
  } finally {
    await factory.close();
    await rm(directory, { recursive: true, force: true });
  }
  return rows;
}

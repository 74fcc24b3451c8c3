import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import type { ReadyLine } from '../../../emulator/index.ts';
import { isObject, type JsonObject, objectOr } from '../../../emulator/json.ts';
import { Arm } from '../../helpers/emulator/arm.ts';
import { at, until } from '../../helpers/emulator/http-client.ts';
import { root } from '../../helpers/root.ts';

const cli = join(root, 'emulator', 'cli.ts');
const fromAddress = join(root, 'emulator', 'from-address.mjs');
const started: ChildProcess[] = [];

function start(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<JsonObject> {
  if (!child.stdout) throw new Error('The child has no output.');
  for await (const line of createInterface({ input: child.stdout })) return objectOr(JSON.parse(line));
  throw new Error('The child said nothing.');
}

function ended(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('close', (code) => resolve({ code, stderr }));
  });
}

/** A client of the emulator that printed this line. */
async function signInTo(line: JsonObject): Promise<Arm> {
  const ready = line as unknown as ReadyLine;
  const caCertificate = await readFile(ready.ca, 'utf8');
  return Arm.signIn({ ready, caCertificate, close: async () => {} });
}

function isListening(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(5432, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const end = ended(child);
    child.kill('SIGTERM');
    await end;
  }
});

describe('the emulator’s command line (contract.md)', () => {
  it('prints one line of JSON when ready, with every name that others rely on', async () => {
    const ready = await firstLine(start());
    expect(Object.keys(ready)).toEqual(['event', 'control', 'ca', 'clientSecret', 'env', 'managedIdentity']);
    expect(ready['control']).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/_emulator$/);
    const env = objectOr(ready['env']);
    expect(Object.keys(env).sort()).toEqual([
      'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
      'ACTIONS_ID_TOKEN_REQUEST_URL',
      'AZURE_AUTHORITY_HOST',
      'AZURE_CLIENT_ID',
      'AZURE_RESOURCE_MANAGER_ENDPOINT',
      'AZURE_SUBSCRIPTION_ID',
      'AZURE_TENANT_ID',
      'GITHUB_API_URL',
      'IP_ECHO_URLS',
      'NODE_EXTRA_CA_CERTS',
    ]);
    expect(env['ACTIONS_ID_TOKEN_REQUEST_URL']).toContain('?');
    expect(String(env['IP_ECHO_URLS']).split(',')).toHaveLength(2);
    expect(await readFile(String(ready['ca']), 'utf8')).toContain('BEGIN CERTIFICATE');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends on %s and removes its files', async (signal) => {
    const child = start();
    const directory = dirname(String((await firstLine(child))['ca']));
    expect(existsSync(directory)).toBe(true);
    const end = ended(child);
    child.kill(signal);
    expect((await end).code).toBe(0);
    expect(existsSync(directory)).toBe(false);
  });

  it('ends with every PostgreSQL it started', async () => {
    const child = start('--provision', '100', '--blocked', 'reject');
    const arm = await signInTo(await firstLine(child));
    await arm.makeServer('demo-relecloud');
    const { json } = await arm.send('GET', arm.server('demo-relecloud'));
    const host = String(at(json, 'properties', 'fullyQualifiedDomainName'));
    expect(await isListening(host)).toBe(true);
    const end = ended(child);
    child.kill('SIGTERM');
    expect((await end).code).toBe(0);
    expect(await isListening(host)).toBe(false);
  });

  it.each([
    [['--nonsense'], '--nonsense'],
    [['--latency', 'soon'], "--latency takes a number of zero or more, not 'soon'."],
    [['--retry-after', '-1'], '--retry-after'],
    [['--blocked', 'maybe'], "--blocked takes 'timeout' or 'reject', not 'maybe'."],
    [['extra'], 'extra'],
  ])('refuses %j with a sentence and exit code 2', async (args, sentence) => {
    const { code, stderr } = await ended(start(...args));
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('Usage:');
  });
});

describe('from-address.mjs', () => {
  const script = `
    import https from 'node:https'; import net from 'node:net'; import tls from 'node:tls';
    const url = new URL(process.env.IP_ECHO_URLS.split(',')[0]);
    const port = Number(url.port);
    const connected = (socket, event) => new Promise((resolve, reject) => {
      socket.once('error', reject).once(event, () => { resolve(socket.localAddress); socket.destroy(); });
    });
    const seen = {
      fetch: await (await fetch(url)).text(),
      https: await new Promise((resolve) => https.get(url, (answer) => answer.on('data', (d) => resolve(String(d))))),
      net: await connected(net.connect({ port, host: '127.0.0.1' }), 'connect'),
      portAndHost: await connected(net.connect(port, 'localhost'), 'connect'),
      socket: await connected(new net.Socket().connect(port, '127.0.0.1'), 'connect'),
      tls: await connected(tls.connect(port, '127.0.0.1'), 'secureConnect'),
    };
    console.log(JSON.stringify(seen));
    process.exit(0);`;

  it('makes every kind of connection of a process come from its address, by which it is told apart', async () => {
    const ready = await firstLine(start());
    const env = Object.fromEntries(
      Object.entries(objectOr(ready['env'])).map(([name, value]) => [name, String(value)]),
    );
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: {
        ...env,
        NODE_OPTIONS: `--import=${fromAddress}`,
        EMULATOR_SOURCE_ADDRESS: '127.0.0.2',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.push(child);
    const seen = await firstLine(child);
    const own = { net: '127.0.0.2', portAndHost: '127.0.0.2', socket: '127.0.0.2', tls: '127.0.0.2' };
    expect(seen).toEqual({ fetch: '198.51.100.7', https: '198.51.100.7', ...own });
    await until(
      async () => child.exitCode,
      (code) => code === 0,
    );
    expect(isObject(seen)).toBe(true);
  });
});

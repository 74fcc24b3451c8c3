import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, test as base, describe, expect, inject } from 'vitest';
import { asObject, isJsonObject, type JsonObject } from '../../../emulator/core/json.ts';
import type { ReadyLine } from '../../../emulator/emulator.ts';
import { parseOptions, UsageError } from '../../../emulator/options.ts';
import { ArmClient, addFault, sendControl } from '../../helpers/emulator/arm-client.ts';
import { pollUntilAccepted } from '../../helpers/emulator/http-client.ts';
import { RealServer } from '../../helpers/emulator/real-server.ts';
import { repositoryRoot } from '../../helpers/root.ts';

const cliPath = join(repositoryRoot, 'emulator', 'cli.ts');
const fromAddressScript = join(repositoryRoot, 'emulator', 'core', 'bind-source-address.mjs');
const startedProcesses: ChildProcess[] = [];

function startCli(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [cliPath, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  startedProcesses.push(child);
  return child;
}

async function readFirstLine(child: ChildProcess): Promise<JsonObject> {
  if (!child.stdout) throw new Error('The child has no output.');
  for await (const line of createInterface({ input: child.stdout })) return asObject(JSON.parse(line));
  throw new Error('The child process printed nothing.');
}

function waitForExit(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('close', (code) => resolve({ code, stderr }));
  });
}

/** A client of the emulator with this ready line. */
async function signInToEmulator(line: JsonObject): Promise<ArmClient> {
  const readyLine = line as unknown as ReadyLine;
  const caCertificate = await readFile(readyLine.ca, 'utf8');
  return ArmClient.signIn({ readyLine, caCertificate, close: async () => {} });
}

async function terminate(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const end = waitForExit(child);
  child.kill(signal);
  return (await end).code;
}

afterAll(async () => {
  for (const child of startedProcesses) {
    if (child.exitCode === null && child.signalCode === null) await terminate(child, 'SIGTERM');
  }
});

/** An emulator process without options, for the tests that do not change it. */
const test = base.extend('running', { scope: 'file' }, async () => {
  const child = startCli();
  return { child, ready: await readFirstLine(child) };
});

describe('the emulator’s command line', () => {
  test('prints one line of JSON when ready, with the documented fields and variables', async ({
    running,
  }) => {
    const { ready } = running;
    expect(Object.keys(ready)).toEqual([
      'event',
      'control',
      'ca',
      'clientSecret',
      'graph',
      'env',
      'managedIdentity',
    ]);
    expect(ready['control']).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/_emulator$/);
    const env = asObject(ready['env']);
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

  test('copies the templates of --postgres-templates; SIGTERM ends it with every PostgreSQL it started', async () => {
    const templates = inject('postgresTemplates');
    const child = startCli(
      ...['--provision', '0', '--firewall-delay', '0', '--blocked', 'reject'],
      ...['--postgres-templates', templates],
    );
    const ready = await readFirstLine(child);
    const arm = await signInToEmulator(ready);
    await arm.createServer('demo-relecloud');
    const rules = { runner: { startIpAddress: '198.51.100.7' } };
    await sendControl(arm.emulator, 'PATCH', 'state', { server: 'demo-relecloud', rules });
    const server = await RealServer.find(arm, 'demo-relecloud');
    await pollUntilAccepted(
      () => server.canLogIn(),
      (admitted) => admitted,
    );
    // A copy keeps the system identifier of initdb, which is at the start of pg_control.
    const template = await readFile(join(templates, 'template-18', 'global', 'pg_control'));
    const identifier = template.readBigUInt64LE(0).toString();
    expect(await server.queryValue('SELECT system_identifier FROM pg_control_system()')).toBe(identifier);

    // Held requests must not block the end of the emulator.
    const request = await addFault(arm.emulator, { service: 'arm', method: 'HEAD' }, 'holdAnswer');
    const statement = await addFault(arm.emulator, { service: 'postgres', statement: 'held' }, 'hold');
    const held = Promise.allSettled([
      arm.send('HEAD', `${arm.subscriptionPath}/resourceGroups/rg?api-version=2025-04-01`),
      server.query("SELECT 'held'"),
    ]);
    await Promise.all([request.triggered(), statement.triggered()]);
    expect(await terminate(child, 'SIGTERM')).toBe(0);
    await held;
    expect(await server.isListening()).toBe(false);
    expect(existsSync(dirname(String(ready['ca'])))).toBe(false);
    // The emulator must not remove the templates.
    expect(existsSync(join(templates, 'template-18'))).toBe(true);
  });

  const wrong: [string[], string][] = [
    [['--nonsense'], '--nonsense'],
    [['--latency', 'soon'], "--latency must be a number of 0 or more, not 'soon'."],
    [['--retry-after', '-1'], '--retry-after'],
    [['--blocked', 'maybe'], "--blocked must be 'timeout' or 'reject', not 'maybe'."],
    [['--password-storage', 'plain'], '--password-storage must be one of scram-sha-256, md5, md5-strict'],
    [['extra'], 'extra'],
  ];

  test.for(wrong)('refuses %j with an error message', ([args, message]) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });

  test('prints the error message and the usage, and exits with code 2', async () => {
    for (const [args, message] of wrong.slice(0, 2)) {
      const { code, stderr } = await waitForExit(startCli(...args));
      expect(code).toBe(2);
      expect(stderr).toContain(message);
      expect(stderr).toContain('Usage:');
    }
  });
});

describe('bind-source-address.mjs', () => {
  const script = `
    import https from 'node:https'; import net from 'node:net'; import tls from 'node:tls';
    const url = new URL(process.env.IP_ECHO_URLS.split(',')[0]);
    const port = Number(url.port);
    const connected = (socket, event) => new Promise((resolve, reject) => {
      socket.once('error', reject).once(event, () => { resolve(socket.localAddress); socket.destroy(); });
    });
    const addresses = {
      fetch: await (await fetch(url)).text(),
      https: await new Promise((resolve) => https.get(url, (answer) => answer.on('data', (d) => resolve(String(d))))),
      net: await connected(net.connect({ port, host: '127.0.0.1' }), 'connect'),
      portAndHost: await connected(net.connect(port, 'localhost'), 'connect'),
      socket: await connected(new net.Socket().connect(port, '127.0.0.1'), 'connect'),
      tls: await connected(tls.connect(port, '127.0.0.1'), 'secureConnect'),
    };
    console.log(JSON.stringify(addresses));
    process.exit(0);`;

  test('gives every kind of connection of a process the source address, which identifies it', async ({
    running,
  }) => {
    const { ready } = running;
    const env = Object.fromEntries(
      Object.entries(asObject(ready['env'])).map(([name, value]) => [name, String(value)]),
    );
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: {
        ...env,
        NODE_OPTIONS: `--import=${fromAddressScript}`,
        EMULATOR_SOURCE_ADDRESS: '127.0.0.2',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    startedProcesses.push(child);
    const end = waitForExit(child);
    const addresses = await readFirstLine(child);
    const own = { net: '127.0.0.2', portAndHost: '127.0.0.2', socket: '127.0.0.2', tls: '127.0.0.2' };
    expect(addresses).toEqual({ fetch: '198.51.100.7', https: '198.51.100.7', ...own });
    expect((await end).code).toBe(0);
    expect(isJsonObject(addresses)).toBe(true);
  });
});

// Last, because it ends the process that the other tests use.
test('SIGINT ends the emulator and removes its files', async ({ running }) => {
  const directory = dirname(String(running.ready['ca']));
  expect(existsSync(directory)).toBe(true);
  expect(await terminate(running.child, 'SIGINT')).toBe(0);
  expect(existsSync(directory)).toBe(false);
});

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { readHosts } from '../../../emulator/core/hosts-file.ts';
import { testWith } from '../../helpers/emulator/azure-fixture.ts';
import { valueAt } from '../../helpers/emulator/http-client.ts';

const test = testWith({ hostNames: true }, 'real').extend('host', { scope: 'file' }, async ({ arm }) => {
  await arm.createServer('demo-relecloud');
  return 'demo-relecloud.postgres.database.azure.localhost';
});

/** Looks up its arguments in every way, and the certificate that a server presents for the name and for its address. */
const script = `
  import dns from 'node:dns'; import { lookup } from 'node:dns/promises'; import net from 'node:net'; import tls from 'node:tls';
  const codeOf = (error) => error.code;
  const [host] = process.argv.slice(1);
  const address = (await lookup(host)).address;
  const request = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
  const certificateFor = (name) => new Promise((resolve) => {
    const socket = net.connect(5432, host, () => socket.write(request));
    socket.on('error', (error) => resolve(error.code));
    socket.once('data', () => tls.connect({ socket, host: name, servername: net.isIP(name) ? '' : name }, function () {
      resolve(this.getPeerCertificate().subjectaltname); this.destroy();
    }).on('error', (error) => resolve(error.code)));
  });
  console.log(JSON.stringify({
    address,
    all: await lookup(host.toUpperCase(), { all: true }),
    callback: await new Promise((resolve) => dns.lookup(host, (error, ...answer) => resolve(answer))),
    ipv6: await lookup(host, { family: 6 }).catch(codeOf),
    missing: await lookup('missing.postgres.database.azure.localhost').catch(codeOf),
    loopback: (await lookup('localhost', { family: 4 })).address,
    named: await certificateFor(host),
    addressed: await certificateFor(address),
  }));`;

async function runScript(
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<unknown> {
  const command = ['--input-type=module', '-e', script, ...args];
  return JSON.parse((await promisify(execFile)(process.execPath, command, { env })).stdout);
}

describe('with host names', () => {
  test('the host of a server has Azure’s form, resolves in a process with the ready line’s environment, and is the only name in its certificate', async ({
    arm,
    emulator,
    host,
  }) => {
    const server = await arm.send('GET', arm.serverPath('demo-relecloud'));
    expect(valueAt(server.json, 'properties', 'fullyQualifiedDomainName')).toBe(host);
    const { env } = emulator.readyLine;
    const address = readHosts(env['EMULATOR_HOSTS_FILE']).get(host);
    expect(address).toMatch(/^127\./);
    await arm.sendAndWait('PUT', arm.serverPath('demo-relecloud', '/firewallRules/here'), {
      properties: { startIpAddress: '198.51.100.7', endIpAddress: '198.51.100.7' },
    });
    expect(await runScript(env, host)).toEqual({
      address,
      all: [{ address, family: 4 }],
      callback: [address, 4],
      ipv6: 'ENOTFOUND',
      missing: 'ENOTFOUND',
      loopback: '127.0.0.1',
      named: `DNS:${host}`,
      addressed: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  test('a deleted server has no name', async ({ arm, emulator, host }) => {
    await arm.sendAndWait('DELETE', arm.serverPath('demo-relecloud'));
    expect(readHosts(emulator.readyLine.env['EMULATOR_HOSTS_FILE']).has(host)).toBe(false);
  });
});

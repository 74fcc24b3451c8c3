import { CertificateAuthority } from '../../../emulator/core/certificates.ts';
import { prepareTemplates } from '../../../emulator/postgres/cluster/template-cluster.ts';
import { createPostgresFactory } from '../../../emulator/postgres/postgres-factory.ts';

// A process for tests that kill it. It prints one line and keeps running. With `templates` it prepares templates and prints
// their directory. With `server DIRECTORY TEMPLATES` it starts a server and prints its address.
const [command, directory = '', preparedTemplateDirectory] = process.argv.slice(2);

async function startServer(): Promise<string> {
  const factory = await createPostgresFactory({
    directory,
    certificates: await CertificateAuthority.create(),
    clientAddresses: { getPublicAddress: () => '203.0.113.9' },
    preparedTemplateDirectory,
  });
  const server = await factory.create({
    name: 'kill-target',
    major: '18',
    administratorLogin: 'relecloud_admin',
    administratorLoginPassword: 'VerySecurePassword!1',
    passwordStorage: 'scram-sha-256',
    allowsDatabaseCreation: true,
    blockedBehavior: 'reject',
    firewallDelayMs: 0,
  });
  await server.start();
  return server.address;
}

console.log(command === 'templates' ? (await prepareTemplates()).directory : await startServer());
// Keeps the process running.
setInterval(() => {}, 60_000);

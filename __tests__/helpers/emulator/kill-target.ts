import { CertificateAuthority } from '../../../emulator/certificates.ts';
import { createPostgresFactory } from '../../../emulator/postgres/index.ts';

// An emulator to be killed: says the address of its server, and lives on.
const factory = await createPostgresFactory({
  directory: process.argv[2] ?? '',
  certificates: await CertificateAuthority.create(),
  clients: { publicAddressOf: () => '203.0.113.9' },
});
const server = await factory.create({
  name: 'victim',
  major: '18',
  administratorLogin: 'relecloud_admin',
  administratorLoginPassword: 'VerySecurePassword!1',
  blocked: 'reject',
  firewallDelay: 0,
});
await server.start();
console.log(server.address);

import { CertificateAuthority } from '../../emulator/certificates.ts';
import { createPostgresFactory } from '../../emulator/postgres/index.ts';
import { runner, usual } from './fixture.ts';

// An emulator to be killed: says the address of its server, and lives on.
const factory = await createPostgresFactory({
  directory: process.argv[2] ?? '',
  certificates: await CertificateAuthority.create(),
  clients: { publicAddressOf: () => runner },
});
const server = await factory.create(usual);
await server.start();
console.log(server.address);

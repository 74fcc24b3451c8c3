import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { replaceFile } from '../common/files.ts';
import { resolveInTempDirectory } from '../common/paths.ts';
import type { PublishConfig } from '../inputs/types.ts';

/**
 * Writes the root certificates for libpq's `verify-full` into the runner's temporary folder.
 * @returns the path; undefined with `require`
 */
export function writeRootCertificates({ sslMode }: PublishConfig): string | undefined {
  if (sslMode !== 'verify-full') return undefined;
  const path = resolveInTempDirectory('azure-postgresql-roots.pem');
  replaceFile(path, buildRootBundle());
  return path;
}

/**
 * Root certificates of Azure's servers, by common name; see docs/azure-behavior.md#tls-and-root-certificates. The last one is only
 * used in China; newer releases of Node do not include it, and then the bundle does not either.
 */
const AZURE_ROOT_NAMES = [
  'DigiCert Global Root G2',
  'Microsoft RSA Root Certificate Authority 2017',
  'DigiCert Global Root CA',
];

/**
 * PEM bundle for libpq's `sslrootcert`: Azure's root certificates from Node's own list, and those of NODE_EXTRA_CA_CERTS, so
 * that libpq accepts the same servers as the action.
 */
export function buildRootBundle(): string {
  const azure = getCACertificates('bundled').filter((pem) => {
    const { subject } = new X509Certificate(pem);
    return AZURE_ROOT_NAMES.some((name) => subject.split('\n').includes(`CN=${name}`));
  });
  return `${[...azure, ...getCACertificates('extra')].map((pem) => pem.trim()).join('\n')}\n`;
}

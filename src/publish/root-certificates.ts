import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';

/**
 * The roots that Azure's servers chain to (facts.md §5), by common name. The last serves China alone, and newer
 * releases of Node have dropped it with Mozilla's list: what Node does not trust is not handed on either.
 */
const AZURE_ROOT_NAMES = [
  'DigiCert Global Root G2',
  'Microsoft RSA Root Certificate Authority 2017',
  'DigiCert Global Root CA',
];

/**
 * PEM bundle for libpq's `sslrootcert`: Azure's roots out of Node's own, and what NODE_EXTRA_CA_CERTS added, so that
 * it verifies what our own sessions verify.
 */
export function buildRootBundle(): string {
  const azure = getCACertificates('bundled').filter((pem) => {
    const { subject } = new X509Certificate(pem);
    return AZURE_ROOT_NAMES.some((name) => subject.split('\n').includes(`CN=${name}`));
  });
  return `${[...azure, ...getCACertificates('extra')].map((pem) => pem.trim()).join('\n')}\n`;
}

import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { buildRootBundle } from '../../../src/publish/root-certificates.ts';

test("the bundle for libpq's verify-full holds the roots to which Azure's servers chain", () => {
  const certificates = buildRootBundle()
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .map((pem) => new X509Certificate(pem));
  const names = certificates.map(({ subject }) => /^CN=(.*)$/m.exec(subject)?.[1]);
  expect(names).toEqual(
    expect.arrayContaining([
      'DigiCert Global Root G2',
      // The third root, DigiCert Global Root CA, serves China alone, and newer releases of Node do not trust it.
      'Microsoft RSA Root Certificate Authority 2017',
    ]),
  );
});

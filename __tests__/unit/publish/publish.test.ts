import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { buildRootBundle } from '../../../src/publish/root-certificates.ts';

test("the bundle for libpq's verify-full contains the root certificates of Azure's servers", () => {
  const certificates = buildRootBundle()
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .map((pem) => new X509Certificate(pem));
  const names = certificates.map(({ subject }) => /^CN=(.*)$/m.exec(subject)?.[1]);
  expect(names).toEqual(
    expect.arrayContaining([
      'DigiCert Global Root G2',
      // The third one, DigiCert Global Root CA, is only used in China, and newer releases of Node do not trust it.
      'Microsoft RSA Root Certificate Authority 2017',
    ]),
  );
});

// The decorators of @peculiar/x509 need this polyfill first.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const CERTIFICATE_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;
// Clients whose clock is a little slow must accept the certificate.
const CLOCK_SKEW_MS = 10 * 60 * 1000;

/** A certificate, followed by the issuer's, and its private key. Both are PEM. */
export interface IssuedCertificate {
  readonly cert: string;
  readonly key: string;
}

function validityPeriod(): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + CERTIFICATE_LIFETIME_MS) };
}

function generateKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
}

function subjectAlternativeNames(names: readonly string[]): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(
    names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name }) as const),
  );
}

/** The certificate authority of one emulator. Only the clients of that emulator trust it. */
export class CertificateAuthority {
  /** The root certificate as PEM. */
  readonly pem: string;
  readonly #certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.pem = `${certificate.toString('pem')}\n`;
    this.#certificate = certificate;
    this.#keys = keys;
  }

  /** Create an authority with a new key (ECDSA P-256), valid for a week. */
  static async create(): Promise<CertificateAuthority> {
    x509.cryptoProvider.set(webcrypto);
    const keys = await generateKeyPair();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=Azure emulator root',
      ...validityPeriod(),
      keys,
      signingAlgorithm: KEY_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new CertificateAuthority(certificate, keys);
  }

  /**
   * Create a server certificate for these DNS names and IP addresses. With an elliptic curve key this takes about a
   * millisecond.
   */
  async issue(names: readonly string[]): Promise<IssuedCertificate> {
    const keys = await generateKeyPair();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${names[0] ?? 'localhost'}`,
      issuer: this.#certificate.subject,
      ...validityPeriod(),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: KEY_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        subjectAlternativeNames(names),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      cert: `${certificate.toString('pem')}\n${this.pem}`,
      key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
    };
  }
}

// The library's decorators need the metadata polyfill before it is loaded.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const CERTIFICATE_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;
// A clock a little behind ours must not find the certificate "not yet valid".
const CLOCK_SKEW_MS = 10 * 60 * 1000;

/** A certificate and its private key, both PEM. `cert` is followed by the issuer's certificate. */
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

/** The emulator's own certificate authority: made at start, gone at the end, in no trust store but its clients'. */
export class CertificateAuthority {
  /** The root certificate, PEM: what `NODE_EXTRA_CA_CERTS` points to. */
  readonly pem: string;
  readonly #certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.pem = `${certificate.toString('pem')}\n`;
    this.#certificate = certificate;
    this.#keys = keys;
  }

  /** A new authority with a key of its own (ECDSA P-256), valid for a week. */
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
   * A server certificate for these DNS names and IP addresses (each becomes the kind of SAN that fits).
   * Elliptic curve keys, with which a certificate takes about a millisecond.
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

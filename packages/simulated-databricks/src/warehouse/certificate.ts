import { generate } from 'selfsigned';

/** A certificate and its private key, PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly privateKey: string;
}

const VALID_DAYS = 2;
const MILLISECONDS_PER_DAY = 86_400_000;
/** Valid since yesterday, for clients whose clock runs behind ours. */
const BACKDATED_DAYS = 1;

/**
 * A fresh self-signed certificate for `localhost` and 127.0.0.1 that vouches for nobody else. It is a certificate
 * authority of its own, so a client that is given it as the one to trust accepts it.
 */
export async function selfSignedCertificate(now: number = Date.now()): Promise<Certificate> {
  const { cert, private: privateKey } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - BACKDATED_DAYS * MILLISECONDS_PER_DAY),
    notAfterDate: new Date(now + VALID_DAYS * MILLISECONDS_PER_DAY),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { certificate: cert, privateKey };
}

import { request } from 'node:https';
import { rootCertificates } from 'node:tls';

export interface FormAnswer {
  readonly status: number;
  readonly text: string;
}

const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * POSTs a form by https and reads the answer. `fetch` would do, but for an authority of its own to trust.
 *
 * @param trustedCertificate PEM, besides the bundled ones
 */
export function postForm(
  url: string,
  options: {
    readonly authorization: string;
    readonly form: string;
    readonly timeoutMs: number;
    readonly trustedCertificate?: string | undefined;
  },
): Promise<FormAnswer> {
  const { authorization, form, timeoutMs, trustedCertificate } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
        signal: AbortSignal.timeout(timeoutMs),
        ...(trustedCertificate === undefined ? {} : { ca: [...rootCertificates, trustedCertificate] }),
      },
      (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (part: string) => {
          text += part;
          if (text.length > MAX_ANSWER_BYTES) incoming.destroy(new Error('the answer is too large'));
        });
        incoming.on('error', reject);
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(form);
  });
}

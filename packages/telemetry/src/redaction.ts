/** Members that hold a credential wherever they appear. Counts such as `input_tokens` are not among them. */
const CREDENTIAL_MEMBERS = [
  'authorization',
  'Authorization',
  '["proxy-authorization"]',
  'cookie',
  '["set-cookie"]',
  'token',
  'access_token',
  'accessToken',
  'refresh_token',
  'secret',
  'client_secret',
  'clientSecret',
  'password',
  'rolePassword',
  'apiKey',
  'api_key',
  '["x-api-key"]',
  'privateKey',
];

/** How many levels below the record's root a credential's member is found. */
const DEPTH = 3;

export const REPLACEMENT = '[redacted]';

/** Paths in pino's notation: every credential member at the root and down to {@link DEPTH} levels below it. */
export function redactedPaths(): string[] {
  const paths: string[] = [];
  for (let depth = 0; depth <= DEPTH; depth += 1) {
    const above = Array.from({ length: depth }, () => '*').join('.');
    for (const member of CREDENTIAL_MEMBERS) {
      const separator = above === '' || member.startsWith('[') ? '' : '.';
      paths.push(`${above}${separator}${member}`);
    }
  }
  return paths;
}

const OWN_TOKEN = /\btg[ks]_[A-Za-z0-9_-]{8,}/g;
const BEARER = /\b(bearer|basic) [A-Za-z0-9._~+/=-]{8,}/gi;
const URL_PASSWORD = /(:\/\/[^\s:/@"]*:)[^\s@/"]+@/g;

/** Replaces what looks like a credential anywhere in a finished log line: error messages quote URLs and headers. */
export function redactText(line: string): string {
  return line
    .replace(OWN_TOKEN, REPLACEMENT)
    .replace(BEARER, `$1 ${REPLACEMENT}`)
    .replace(URL_PASSWORD, `$1${REPLACEMENT}@`);
}

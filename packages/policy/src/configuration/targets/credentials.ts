import type { FieldPath, LocatedDocument } from '../document/document.ts';
import type { Problems } from '../document/section.ts';
import type { OAuthRef, Provider, Target } from '../policy-config.ts';
import type { TargetSection } from '../schema/file-schema.ts';
import type { Environment, WorkspaceOrigin } from './databricks-host.ts';

/** How a target is shown who calls it. */
export type Credentials = Pick<Target, 'secretKeyRef' | 'oauth'>;

const TOKEN_VARIABLE = 'DATABRICKS_TOKEN';
const CLIENT_ID_VARIABLE = 'DATABRICKS_CLIENT_ID';
const CLIENT_SECRET_VARIABLE = 'DATABRICKS_CLIENT_SECRET';
const WORKSPACE_TOKEN_PATH = '/oidc/v1/token';
const WORKSPACE_SCOPE = 'all-apis';

/** Those of the workspace that the environment names: a service principal's where there is one, else a token. */
export function workspaceCredentials(workspace: WorkspaceOrigin, env: Environment): Credentials {
  const isThere = [CLIENT_ID_VARIABLE, `${CLIENT_ID_VARIABLE}_FILE`].some((name) => (env[name] ?? '') !== '');
  if (!isThere) return { secretKeyRef: { env: TOKEN_VARIABLE }, oauth: null };
  const oauth: OAuthRef = {
    clientId: { env: CLIENT_ID_VARIABLE },
    clientSecret: { env: CLIENT_SECRET_VARIABLE },
    tokenUrl: workspace + WORKSPACE_TOKEN_PATH,
    scope: WORKSPACE_SCOPE,
  };
  return { secretKeyRef: null, oauth };
}

interface Context {
  readonly workspace: WorkspaceOrigin | null;
  readonly env: Environment;
  readonly document: LocatedDocument;
  readonly problems: Problems;
}

/** Those that a target names; `undefined` where something about them is wrong. */
export function readCredentials(
  section: TargetSection,
  provider: Provider,
  baseUrl: string | undefined,
  path: FieldPath,
  context: Context,
): Credentials | undefined {
  const { document, problems } = context;
  const { secret_key_ref: secret, oauth } = section;
  if (secret !== undefined && oauth !== undefined) {
    const message = 'secret_key_ref already says which credential is sent: remove one of the two.';
    problems.push(document.problem('contradiction', [...path, 'oauth'], message));
    return undefined;
  }
  if (oauth !== undefined) return readOAuth(oauth, provider, baseUrl, [...path, 'oauth'], context);
  if (secret === undefined) {
    if (provider.kind === 'openai-compatible') return { secretKeyRef: null, oauth: null };
    const { workspace, env } = context;
    // To any other address the workspace's credential would be given away.
    if (workspace !== null && baseUrl?.startsWith(`${workspace}/`) === true)
      return workspaceCredentials(workspace, env);
    const message = `This field is required: secret_key_ref: {env: ${TOKEN_VARIABLE}}, or oauth with client_id and client_secret; only a target at DATABRICKS_HOST can do without.`;
    problems.push(document.problem('missing-field', [...path, 'secret_key_ref'], message));
    return undefined;
  }
  return isVariable(secret.env, [...path, 'secret_key_ref', 'env'], TOKEN_VARIABLE, context)
    ? { secretKeyRef: { env: secret.env }, oauth: null }
    : undefined;
}

function readOAuth(
  section: NonNullable<TargetSection['oauth']>,
  provider: Provider,
  baseUrl: string | undefined,
  path: FieldPath,
  context: Context,
): Credentials | undefined {
  const { document, problems } = context;
  const { client_id: clientId, client_secret: clientSecret, token_url: given, scope } = section;
  const id = isVariable(clientId.env, [...path, 'client_id', 'env'], CLIENT_ID_VARIABLE, context);
  const secret = isVariable(
    clientSecret.env,
    [...path, 'client_secret', 'env'],
    CLIENT_SECRET_VARIABLE,
    context,
  );
  if (given === undefined && provider.kind !== 'databricks') {
    const message = 'This field is required: only a workspace is known to give tokens itself.';
    problems.push(document.problem('missing-field', [...path, 'token_url'], message));
    return undefined;
  }
  if (given !== undefined && !isAddress(given)) {
    const message = 'Give an http(s) address without credentials or fragment.';
    problems.push(document.problem('invalid-value', [...path, 'token_url'], message));
    return undefined;
  }
  const origin = /^https?:\/\/[^/]+/i.exec(baseUrl ?? '')?.[0];
  const tokenUrl = given ?? (origin === undefined ? undefined : origin + WORKSPACE_TOKEN_PATH);
  if (!id || !secret || tokenUrl === undefined) return undefined;
  return {
    secretKeyRef: null,
    oauth: { clientId: { env: clientId.env }, clientSecret: { env: clientSecret.env }, tokenUrl, scope },
  };
}

function isAddress(text: string): boolean {
  const url = URL.parse(text);
  const web = url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
  return web && url.username === '' && url.password === '' && url.hash === '';
}

/** A token pasted here would otherwise travel as a name into logs and messages. */
function isVariable(name: string, place: FieldPath, example: string, context: Context): boolean {
  if (/^[A-Z_][A-Z0-9_]*$/.test(name)) return true;
  const message = `Give the name of an environment variable, in capitals, such as ${example}; never the token.`;
  context.problems.push(context.document.problem('invalid-value', place, message));
  return false;
}

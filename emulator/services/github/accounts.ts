import { createHash } from 'node:crypto';
import { asNumber, asObject, asString, type JsonObject } from '../../core/json.ts';

/** The repository that the emulator has from the start, in the form of webhooks. */
export const exampleRepository = {
  id: 700_100_200,
  name: 'space-travel',
  full_name: 'relecloud/space-travel',
  private: true,
  default_branch: 'main',
  owner: { login: 'relecloud', id: 700_100 },
};

/** A GitHub user or app. */
export interface Account {
  readonly login: string;
  readonly id: number;
  readonly type: string;
}

/** The account of a job's GITHUB_TOKEN at github.com. */
export const ACTIONS_BOT: Account = { login: 'github-actions[bot]', id: 41_898_282, type: 'Bot' };

const ACTIONS_APP = { id: 15_368, slug: 'github-actions', name: 'GitHub Actions' };

/** `performed_via_github_app` of a text: the app for a text of a job, otherwise null. */
export function performedViaApp({ login }: Account): JsonObject | null {
  return login === ACTIONS_BOT.login ? ACTIONS_APP : null;
}

/** `author_association` of a text. */
export function authorAssociation({ type }: Account): string {
  return type === 'Bot' ? 'NONE' : 'CONTRIBUTOR';
}

/** The default author of pull requests, issues and comments. */
export const OCTOCAT: Account = { login: 'octocat', id: 583_231, type: 'User' };

/** An id that is derived from a text. */
export function stableId(text: string): number {
  return createHash('sha256').update(text.toLowerCase()).digest().readUInt32BE() % 2_000_000_000;
}

/** The account of a user. */
export function userAccount(login: string): Account {
  return login === OCTOCAT.login ? OCTOCAT : { login, id: stableId(login), type: 'User' };
}

/** The account in `{login, id?, type?}`, or `fallback` if there is no login. */
export function parseAccount(value: unknown, fallback: Account): Account {
  const { login, id, type } = asObject(value);
  const name = asString(login);
  if (name === undefined) return fallback;
  const known = name === ACTIONS_BOT.login ? ACTIONS_BOT : userAccount(name);
  return { login: name, id: asNumber(id) ?? known.id, type: asString(type) ?? known.type };
}

/** GitHub's `simple-user`. */
export function accountBody({ login, id, type }: Account, origin: string): JsonObject {
  const path = encodeURIComponent(login);
  const page = type === 'Bot' ? `apps/${login.replace(/\[bot\]$/, '')}` : login;
  return {
    login,
    id,
    node_id: Buffer.from(`04:User${id}`).toString('base64'),
    avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
    gravatar_id: '',
    url: `${origin}/users/${path}`,
    html_url: `https://github.com/${page}`,
    type,
    user_view_type: 'public',
    site_admin: false,
  };
}

import { getOctokit } from '@actions/github';
import type { JsonObject } from '../../../emulator/core/json.ts';
import type { Emulator } from '../../../emulator/emulator.ts';
import { sendControl } from './arm-client.ts';
import { type HttpResponse, send } from './http-client.ts';

export const repositoryName = 'relecloud/space-travel';

/** Call `PATCH control/state` for a repository. Throws if the emulator refuses it. */
export async function patchGitHubRepository(
  emulator: Emulator,
  change: JsonObject,
  name = repositoryName,
): Promise<void> {
  const answer = await sendControl(emulator, 'PATCH', 'state', { repository: name, ...change });
  if (answer.status !== 200) throw new Error(answer.text);
}

/** Send a request to GitHub's API. The default token is not registered. */
export function sendGitHubRequest(
  emulator: Emulator,
  method: string,
  path: string,
  { body, authorization = 'bearer unregistered' }: { body?: unknown; authorization?: string } = {},
): Promise<HttpResponse> {
  const url = `${emulator.readyLine.env['GITHUB_API_URL']}${path}`;
  return send(emulator, method, url, { body, headers: authorization === '' ? {} : { authorization } });
}

/** The client that actions use. Its connections verify the emulator's certificate. */
export function createOctokit(emulator: Emulator, token: string): ReturnType<typeof getOctokit> {
  const fetch = async (url: string, options: RequestInit): Promise<Response> => {
    const headers = Object.fromEntries(new Headers(options.headers));
    const answer = await send(emulator, options.method ?? 'GET', url, { body: options.body, headers });
    const received = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) received.set(name, String(value));
    const empty = answer.status === 204;
    return new Response(empty ? null : answer.text, { status: answer.status, headers: received });
  };
  return getOctokit(token, { baseUrl: emulator.readyLine.env['GITHUB_API_URL'] ?? '', request: { fetch } });
}

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { JsonObject } from '../emulator/core/json.ts';
import { EmulatorError } from './emulator-process.ts';
import type { Permissions } from './permissions.ts';

/** What becomes of a token at GitHub. */
export interface TokenChange {
  readonly permissions?: Permissions;
  readonly login?: string;
  readonly revoked?: boolean;
}

/** The body of `PATCH control/state` for a repository; pulls and runs as GitHub's API and webhooks write them. */
export interface GitHubChange {
  /** `owner/name`. */
  readonly repository: string;
  readonly repositoryId?: number;
  /** By number; null removes. */
  readonly pulls?: Readonly<Record<string, JsonObject | null>>;
  /** By id; null removes. */
  readonly runs?: Readonly<Record<string, JsonObject | null>>;
  /** By the pull request's number; they are added. */
  readonly comments?: Readonly<Record<string, readonly JsonObject[]>>;
  readonly tokens?: Readonly<Record<string, TokenChange>>;
}

/** An emulated GitHub that can be told what a real one would know by itself. */
export interface GitHubControl {
  /** @throws {EmulatorError} where it does not take the change. */
  patchState(change: GitHubChange): Promise<void>;
}

interface HttpResult {
  readonly status: number;
  readonly text: string;
}

function sendPatch(url: string, ca: string, body: string): Promise<HttpResult> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' };
    const outgoing = request(url, { method: 'PATCH', ca, headers, agent: false }, (incoming) => {
      text(incoming).then((body) => resolve({ status: incoming.statusCode ?? 0, text: body }), reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/**
 * The GitHub of a running emulator, reached over TLS that its own root certificate verifies.
 * @param emulator of its ready line: the base of the control calls, and the path of the root certificate.
 */
export function createGitHubControl(emulator: {
  readonly control: string;
  readonly ca: string;
}): GitHubControl {
  return {
    patchState: async (change) => {
      const url = `${emulator.control}/state`;
      const ca = readFileSync(emulator.ca, 'utf8');
      const response = await sendPatch(url, ca, JSON.stringify(change)).catch((error: unknown) => {
        throw new EmulatorError(`The emulated GitHub cannot be reached: ${String(error)}`);
      });
      if (response.status === 200) return;
      throw new EmulatorError(`The emulated GitHub refused what the runner told it: ${response.text}`);
    },
  };
}

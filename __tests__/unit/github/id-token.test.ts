import { createServer } from 'node:http';
import { describe, expect } from 'vitest';
import { requestIdToken } from '../../../src/github/id-token.ts';
import { test as base } from '../../helpers/unit/test.ts';
import { errorOf } from '../../helpers/unit/test-run.ts';

const test = base.extend('requestFrom', async ({ onTestFinished }) => {
  /** Requests a token from an endpoint that answers with this status and body. */
  return async (status: number, body: string): Promise<unknown> => {
    const server = createServer((_, response) => void response.writeHead(status).end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const { port } = server.address() as { readonly port: number };
    const env = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
    };
    return errorOf(requestIdToken('api://AzureADTokenExchange', env, { info: () => {}, debug: () => {} }));
  };
});

describe('the advice for an OIDC token that is not issued', () => {
  test('is the permission if GitHub refuses', async ({ requestFrom }) => {
    expect(await requestFrom(403, '{"message":"no"}')).toMatchObject({
      message: expect.stringMatching(/^GitHub issued no OIDC token: 127\.0\.0\.1:\d+ answered HTTP 403$/),
      hint: expect.stringContaining('permissions: id-token: write'),
    });
  });

  test('is the network if a page answers instead of GitHub', async ({ requestFrom }) => {
    expect(await requestFrom(403, '<html>Blocked by the proxy</html>')).toMatchObject({
      message: expect.stringMatching(/ answered HTTP 403 with a page instead of a token$/),
      hint: expect.stringMatching(
        /^A proxy, a firewall, .* answered instead of it: run the workflow again\./,
      ),
    });
  });
});

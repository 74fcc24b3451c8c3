import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Azure, useAzure } from '../helpers/e2e/emulator-harness.ts';
import { Job, tutorial } from '../helpers/e2e/job.ts';

const bench = useAzure();
const inputs = { ...tutorial, 'server-name': 'posts' };

/** The job's posts, which must succeed and leave no rule. */
async function closes(azure: Azure, job: Job): Promise<void> {
  for (const post of await job.post()) expect(post.exitCode, post.log).toBe(0);
  expect(await azure.rules('posts')).toEqual([]);
}

const puts = async (azure: Azure): Promise<number> =>
  (await azure.requests()).filter(({ method, path }) => method === 'PUT' && path.includes('/firewallRules/'))
    .length;

describe('post closes what main wrote in its journal', () => {
  test('whatever a later step puts into the environment: it signs in as main did', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    expect((await job.step(inputs)).exitCode).toBe(0);
    Object.assign(job.env, {
      AZURE_CLIENT_SECRET: 'a-stranger’s',
      AZURE_CLIENT_ID: azure.env['AZURE_TENANT_ID'],
    });
    await closes(azure, job);
    expect(JSON.stringify(await azure.requests())).not.toContain('client_secret');
  });

  test('also where the creation’s operation cannot be polled: the deletion decides', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    expect((await job.step(inputs)).exitCode).toBe(0);
    await azure.fault(
      { service: 'arm', method: 'GET', path: '/azureAsyncOperation/' },
      { reset: true },
      { times: 6 },
    );
    await closes(azure, job);
  });

  test('law 4: killed in the second attempt after a busy server, whose first attempt’s operation has failed', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    const match = { service: 'arm', method: 'PUT', path: '/firewallRules/' };
    await azure.fault(match, {
      operationFails: { code: 'ServerIsBusy', message: 'Cannot complete operation.' },
    });
    await azure.fault(match, { delay: 400 });
    const step = await job.step(inputs, {
      started: (child) => {
        void (async () => {
          while ((await puts(azure)) < 2) await sleep(10);
          child.kill('SIGKILL');
        })();
      },
    });
    expect(step.signal, step.log).toBe('SIGKILL');
    await closes(azure, job);
  });

  test('a rule that Azure refused is not waited for', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    const body = { error: { code: 'AuthorizationFailed', message: 'No.' } };
    await azure.fault({ service: 'arm', method: 'PUT', path: '/firewallRules/' }, { status: 403, body });
    const step = await job.step(inputs);
    expect(step.exitCode).toBe(1);
    const start = performance.now();
    await closes(azure, job);
    expect(performance.now() - start).toBeLessThan(15_000);
    expect((await azure.requests()).filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  test('a server that was deleted in the meantime has taken the rule along', async () => {
    const { azure } = bench;
    const job = new Job(azure);
    await job.step({ ...inputs, 'server-name': 'goes-away' });
    const body = { error: { code: 'ResourceNotFound', message: "The Resource 'goes-away' was not found." } };
    await azure.fault({ service: 'arm', path: '/goes-away' }, { status: 404, body }, { times: 100 });
    const [post] = await job.post();
    expect(post?.exitCode, post?.log).toBe(0);
    await azure.control('DELETE', 'faults');
  });
});

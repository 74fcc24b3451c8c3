import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deleteLiveGroup, LIVE_PREFIX } from './live/azure.ts';
import { hideMasks } from './live/hide-masks.ts';
import { runLifeCycle } from './live/life-cycle.ts';

/*
 * Runs the action's whole life cycle against real Azure, see docs/maintaining.md#run-against-real-azure:
 *
 *   npm run live              creates, changes and deletes resources in a new resource group
 *   npm run live -- delete    deletes that resource group, if the first command was killed
 *
 * AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_SUBSCRIPTION_ID select the identity and the subscription. LIVE_NAME is the name
 * of the server and of its resource group, LIVE_REGION the region, LIVE_BUNDLE the folder of the bundle. LIVE_RECORDING is a
 * file that gets the sanitized traffic as JSON lines.
 */

// What a runner sets, for a run outside GitHub. The ids are part of names in Azure.
const local = { GITHUB_REPOSITORY: 'local/live', GITHUB_REPOSITORY_ID: '1', RUNNER_TEMP: tmpdir() };
const env = Object.assign(process.env, { ...local, ...process.env });
const isOnRunner = env['GITHUB_ACTIONS'] === 'true';
const name = env['LIVE_NAME'] || `${LIVE_PREFIX}${randomUUID().slice(0, 8)}`;
const write = (text: string): void => void process.stdout.write(text);

if (env['LIVE_RECORDING']) {
  env['LIVE_RECORDING'] = resolve(env['LIVE_RECORDING']);
  const recorder = new URL('live/recorder.ts', import.meta.url).href;
  env['NODE_OPTIONS'] = `${env['NODE_OPTIONS'] ?? ''} --import=${recorder}`.trim();
  env['LIVE_RECORDING_NAMES'] = JSON.stringify({
    subscription: env['AZURE_SUBSCRIPTION_ID'] ?? '',
    tenant: env['AZURE_TENANT_ID'] ?? '',
    client: env['AZURE_CLIENT_ID'] ?? '',
    server: name,
  });
  // The requests of this process too: it deletes the resource group.
  await import('./live/recorder.ts');
}

if (process.argv[2] === 'delete') {
  await deleteLiveGroup(name);
} else {
  const startedAt = performance.now();
  await runLifeCycle({
    name,
    region: env['LIVE_REGION'] || 'westeurope',
    bundle: env['LIVE_BUNDLE'] || fileURLToPath(new URL('../dist/', import.meta.url)),
    env,
    onPart: (title) => {
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      console.log(`\n=== ${title} (after ${seconds} s) ===`);
    },
    onOutput: isOnRunner ? write : hideMasks(write),
    onSecret: (secret) => {
      if (isOnRunner) write(`::add-mask::${secret}\n`);
    },
  });
}
// Idle sockets of the SDK would delay the end.
process.exit();

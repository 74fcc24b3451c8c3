import { execFile } from 'node:child_process';
import { chmodSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { describe, expect } from 'vitest';
import { type AzCli, findAzProblem, startAzCli } from '../helpers/az/az-cli.ts';
import { blocksUnder } from '../helpers/document.ts';
import type { EmulatorHarness } from '../helpers/e2e/emulator-harness.ts';
import { defaultInputs, type Inputs, Job } from '../helpers/e2e/job.ts';
import { test as base } from '../helpers/e2e/test.ts';
import { send } from '../helpers/emulator/http-client.ts';
import { repositoryRoot } from '../helpers/root.ts';
import { callsInDocument } from '../helpers/shell-calls.ts';

const REPOSITORY = 'my-org/my-repo';

/** The commands below these headings of docs/setup.md. */
const commandsBelow = (...headings: readonly string[]): string =>
  headings.flatMap((heading) => blocksUnder('docs/setup.md', heading, 'sh')).join('\n');

const missingProgram = findAzProblem();
const exec = promisify(execFile);

/**
 * A terminal in which someone follows docs/setup.md: `az` is the real CLI, signed in to the emulator. `gh` records its
 * arguments and what it reads, and knows the form of the repository's subjects. Variables stay from one script to the next.
 */
class Terminal {
  readonly #az: AzCli;
  readonly #subscriptionId: string;
  /** Arguments of each call of `gh`, with the text from its standard input as the last one. */
  readonly ghCalls: string[][] = [];

  private constructor(az: AzCli, subscriptionId: string) {
    this.#az = az;
    this.#subscriptionId = subscriptionId;
  }

  static async open(az: AzCli, emulator: EmulatorHarness): Promise<Terminal> {
    const { env, ca, graph, clientSecret } = emulator.instance.readyLine;
    const cloud = {
      resourceManager: env['AZURE_RESOURCE_MANAGER_ENDPOINT'],
      activeDirectory: env['AZURE_AUTHORITY_HOST'],
      activeDirectoryResourceId: 'https://management.core.windows.net/',
      activeDirectoryGraphResourceId: graph,
      microsoftGraphResourceId: graph,
    };
    writeFileSync(join(az.directory, 'cloud.json'), JSON.stringify({ endpoints: cloud }));
    writeFileSync(
      join(az.directory, 'gh'),
      `#!/bin/bash
printf '%s\\0' "$@" >> "$TERMINAL/gh-calls"
if [ ! -t 0 ] && [ "$1 $2" = 'secret set' ]; then cat >> "$TERMINAL/gh-calls"; fi
printf '\\0\\n' >> "$TERMINAL/gh-calls"
case "$*" in *customization/sub*) cat "$TERMINAL/subject-prefix" ;;
  *contents/docs/azure-role.json*) cat '${join(repositoryRoot, 'docs', 'azure-role.json')}' ;; esac
`,
    );
    chmodSync(join(az.directory, 'gh'), 0o755);
    const terminal = new Terminal(az, env['AZURE_SUBSCRIPTION_ID'] ?? '');
    writeFileSync(join(az.directory, 'variables'), '');
    await terminal.run(
      `export REQUESTS_CA_BUNDLE='${ca}'
az cloud register --name Emulator --cloud-config @"$TERMINAL/cloud.json"
az cloud set --name Emulator
# Nobody can sign in interactively, so the sign-in of setup.md becomes that of an owner of the subscription.
az() { if [ "$*" = login ]; then command az login --service-principal --username '${env['AZURE_CLIENT_ID']}' \\
  --password '${clientSecret}' --tenant '${env['AZURE_TENANT_ID']}'; else command az "$@"; fi; }
git() { :; }
declare -f az git >> "$TERMINAL/variables"`,
    );
    return terminal;
  }

  /** Runs commands of setup.md. Returns what they print and the variables that they leave. */
  async run(commands: string): Promise<{ output: string; variables: Readonly<Record<string, string>> }> {
    const script = `set -euo pipefail
source "$TERMINAL/variables"
${commands.replace(/^SUBSCRIPTION=\S+/m, `SUBSCRIPTION=${this.#subscriptionId}`)}
for name in REQUESTS_CA_BUNDLE ORG REPO SUBSCRIPTION SERVER REGION GROUP IDENTITY_GROUP IDENTITY ISSUER AUDIENCE \\
  CLIENT_ID PRINCIPAL_ID TENANT_ID SUBJECT_PREFIX PR_GROUP PR_IDENTITY PR_CLIENT_ID PR_PRINCIPAL_ID
do if [ -n "\${!name:-}" ]; then declare -p "$name" >> "$TERMINAL/variables"; echo "$name=\${!name}" >&3; fi; done`;
    const { directory, env } = this.#az;
    const { stdout, stderr } = await exec('bash', ['-c', `exec 3> "$TERMINAL/values"\n${script}`], {
      cwd: directory,
      env: { ...env, TERMINAL: directory },
    }).catch((error: Error & { stdout: string; stderr: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr}`);
    });
    const values = readFileSync(join(directory, 'values'), 'utf8');
    this.#readGhCalls();
    return {
      output: stdout + stderr,
      variables: Object.fromEntries(
        [...values.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
      ),
    };
  }

  /** What GitHub answers as the first part of the repository's subjects. */
  setSubjectPrefix(prefix: string): void {
    writeFileSync(join(this.#az.directory, 'subject-prefix'), prefix);
  }

  #readGhCalls(): void {
    const path = join(this.#az.directory, 'gh-calls');
    const calls = readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split('\0\n').slice(0, -1);
    this.ghCalls.splice(0, this.ghCalls.length, ...calls.map((call) => call.split('\0')));
  }

  /** The value that `gh variable set` or `gh secret set` stored under this name. */
  stored(kind: 'variable' | 'secret', name: string, environment?: string): string | undefined {
    const call = this.ghCalls.findLast(
      (words) =>
        words.slice(0, 3).join(' ') === `${kind} set ${name}` &&
        (environment === undefined ? !words.includes('--env') : words.includes(environment)),
    );
    return kind === 'variable' ? call?.[call.indexOf('--body') + 1] : call?.at(-1)?.trim();
  }
}

const test = base.extend('terminal', { scope: 'file' }, async ({ emulator }, { onCleanup }) => {
  const az = await startAzCli();
  onCleanup(() => az.close());
  return Terminal.open(az, emulator);
});

/** The subject of a job on `main`, from a token, because only GitHub knows the form and the ids. */
async function subjectOfMain(emulator: EmulatorHarness, form: 'name' | 'immutable'): Promise<string> {
  await emulator.control('PATCH', 'state', { repository: REPOSITORY, oidcSubject: form });
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = emulator.env;
  const answer = await send(emulator.instance, 'GET', `${url}&repository=${REPOSITORY}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  return String(decodeJwt((JSON.parse(answer.text) as { value: string }).value).sub);
}

/** A job of the repository, with nothing of Azure in its environment but the ids that setup.md stores on GitHub. */
function jobOf(emulator: EmulatorHarness, query: string): Job {
  const job = new Job(emulator, { GITHUB_REPOSITORY: REPOSITORY });
  for (const name of ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID']) delete job.env[name];
  job.env['ACTIONS_ID_TOKEN_REQUEST_URL'] += `&repository=${REPOSITORY}&${query}`;
  return job;
}

function inputsFrom(terminal: Terminal, environment?: string): Inputs {
  const variable = (name: string): string => terminal.stored('variable', name, environment) ?? '';
  return {
    ...defaultInputs,
    'client-id': variable('AZURE_CLIENT_ID'),
    'tenant-id': variable('AZURE_TENANT_ID'),
    'subscription-id': variable('AZURE_SUBSCRIPTION_ID'),
    'resource-group': 'relecloud',
    'admin-password': terminal.stored('secret', 'DB_ADMIN_PASSWORD', environment) ?? '',
    'app-username': 'relecloud_app',
    'app-password-key': terminal.stored('secret', 'DB_APP_PASSWORD_KEY', environment) ?? '',
  };
}

// The tests follow the page from its top to its end, in one terminal.
describe.skipIf(missingProgram !== undefined)(
  `the commands of docs/setup.md${missingProgram ? ` (${missingProgram})` : ''}`,
  () => {
    test('lead from an empty subscription to a run that signs in, whose role is enough, for main and for pull requests', async ({
      emulator,
      terminal,
    }) => {
      const subject = await subjectOfMain(emulator, 'immutable');
      expect(subject).toMatch(/^repo:my-org@\d+\/my-repo@\d+:ref:refs\/heads\/main$/);
      terminal.setSubjectPrefix(subject.replace(':ref:refs/heads/main', ''));
      const { output } = await terminal.run(
        commandsBelow(
          '1. Names',
          '2. Azure',
          '3. Identity',
          '4. Federated credential',
          '5. Role',
          '6. Variables and secrets',
          '7. Workflow',
          'Check the identity without a server',
          '8. Pull requests',
        ),
      );
      expect(output).toMatch(/^true$/m); // the server's name is free
      expect(output).toContain(subject); // of the registered credential

      expect(output).toMatch(/^Contributor +\S+resourceGroups\/relecloud$/m);

      const step = await jobOf(emulator, 'ref=refs/heads/main').step(inputsFrom(terminal));
      expect(step.exitCode, step.log).toBe(0);
      expect(step.outputs['server-created']).toBe('true');

      const foreign = await jobOf(emulator, 'ref=refs/heads/other').step(inputsFrom(terminal));
      expect(foreign.log).toContain('AADSTS700213');

      const pullRequest = await jobOf(emulator, 'event_name=pull_request&environment=pull-requests').step({
        ...inputsFrom(terminal, 'pull-requests'),
        'server-name': 'demo-relecloud-pull-requests',
        'resource-group': 'relecloud-pull-requests',
      });
      expect(pullRequest.exitCode, pullRequest.log).toBe(0);

      const elsewhere = await jobOf(emulator, 'event_name=pull_request&environment=pull-requests').step({
        ...inputsFrom(terminal, 'pull-requests'),
        mode: 'check',
      });
      expect(elsewhere.log).toContain('AuthorizationFailed');
    });

    test('for an application with the smaller role lead to a run that signs in, with a token and with a client secret', async ({
      emulator,
      terminal,
    }) => {
      const subject = await subjectOfMain(emulator, 'name');
      terminal.setSubjectPrefix(subject.replace(':ref:refs/heads/main', ''));
      await terminal.run(
        [
          commandsBelow('Application registration instead', 'A smaller role'),
          commandsBelow('5. Role').replace('Contributor', '"PostgreSQL for GitHub Actions"'),
          commandsBelow('6. Variables and secrets', 'Client secret instead'),
        ].join('\n'),
      );
      const inputs = { ...inputsFrom(terminal), 'server-name': 'smaller-role' };
      const step = await jobOf(emulator, 'ref=refs/heads/main').step(inputs);
      expect(step.exitCode, step.log).toBe(0);

      const job = jobOf(emulator, 'ref=refs/heads/main');
      delete job.env['ACTIONS_ID_TOKEN_REQUEST_URL'];
      const secret = terminal.stored('secret', 'AZURE_CLIENT_SECRET') ?? '';
      const second = await job.step({ ...inputs, 'client-secret': secret });
      expect(second.exitCode, second.log).toBe(0);
    });

    test('at the end of the page remove everything that the others created', async ({
      emulator,
      terminal,
    }) => {
      await terminal.run(commandsBelow('Remove everything'));
      const state = await emulator.control<Record<string, object>>('GET', 'state');
      expect([state['resourceGroups'], state['servers']]).toEqual([{}, {}]);
      const set = terminal.ghCalls.filter(
        ([kind, verb, , , , , option]) => `${kind} ${verb}`.endsWith('set') && option !== '--env',
      );
      const deleted = terminal.ghCalls
        .filter(([, verb]) => verb === 'delete')
        .map(([kind, , name]) => `${kind} ${name}`);
      for (const [kind, , name] of set) expect(deleted).toContain(`${kind} ${name}`);
    });

    test('of all other documents are accepted by the parser of the az CLI', async ({ terminal }) => {
      const files = globSync(['README.md', 'docs/*.md'], {
        cwd: repositoryRoot,
        exclude: ['docs/setup.md'],
      });
      const calls = files
        .flatMap((file) => callsInDocument('az', file))
        // Debian's package lacks the extension of the first, and modules that the next two import; it is older than PostgreSQL 18.
        .filter(
          (call) => !/^(containerapp|keyvault secret|network private-endpoint) |--version 18/.test(call),
        );
      // The parser takes about a second for a call, and rejects options, not values.
      const withoutValues = (call: string): string =>
        call.match(/^[\w -]+? (?=--)|--[\w-]+/g)?.join(' ') ?? call;
      const distinct = [...new Map(calls.map((call) => [withoutValues(call), call])).values()];
      const scripts = ['group create --name x --location y --nmae x', ...distinct].map(
        (call) => `az ${call} > /dev/null || true`,
      );
      const { output } = await terminal.run(`export AZ_PARSE_ONLY=true\nset +u\n${scripts.join('\n')}`);
      expect(output.match(/^ERROR: .*/gm)).toEqual([
        expect.stringContaining('unrecognized arguments: --nmae x'),
      ]);
    });
  },
);

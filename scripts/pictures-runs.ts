import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EmulatorProcess,
  startEmulatorProcess,
  stopEmulator,
} from '../workflow-runner/emulator-process.ts';
import { exampleProject, exampleValues, machineEnvironment } from '../workflow-runner/example-project.ts';
import { patchEmulatorState, readEmulatorState } from '../workflow-runner/github-control.ts';
import { readGitHubTexts } from '../workflow-runner/github-report.ts';
import { createGitHubControl, type RunResult, runWorkflow } from '../workflow-runner/run-workflow.ts';

const root = join(import.meta.dirname, '..');
const REPOSITORY = 'relecloud/space-travel';
const PULL_REQUEST = 7;

/** What the runs have written for people: Markdown, or the lines of a log. No text contains a secret. */
export interface WrittenTexts {
  readonly ensureSummary: string;
  readonly checkSummary: string;
  readonly sweepSummary: string;
  readonly comment: string;
  /** The whole log of the run that creates the server, as the workflow runner prints it, with ANSI colors. */
  readonly log: string;
}

/** The emulated Azure and GitHub of some runs. */
class Emulation {
  readonly #emulator: EmulatorProcess;
  readonly #eventFolder = mkdtempSync(join(tmpdir(), 'pictures-'));

  private constructor(emulator: EmulatorProcess) {
    this.#emulator = emulator;
  }

  /** @param provisionMs how long the creation of a server takes */
  static async start(provisionMs: number): Promise<Emulation> {
    // Delays as in Azure, so that the durations in the pictures are plausible.
    const flags = ['--provision', String(provisionMs), '--firewall-delay', '3000', '--latency', '150'];
    return new Emulation(await startEmulatorProcess(root, [...flags, '--host-names'], false));
  }

  async stop(): Promise<void> {
    rmSync(this.#eventFolder, { recursive: true, force: true });
    await stopEmulator(this.#emulator);
  }

  /**
   * Runs a workflow of examples/ with the bundle in dist/.
   * @param event its name, or the number of the pull request that is opened
   * @throws Error with the log if the run fails
   */
  async run(workflow: string, event: 'push' | 'schedule' | number): Promise<RunResult> {
    const { env, clientSecret } = this.#emulator;
    const file = join(root, 'examples', workflow);
    const result = await runWorkflow({
      file,
      repository: exampleProject(root, file),
      ...(typeof event === 'number' ? { event: this.#writeEvent(event) } : { eventName: event }),
      env: machineEnvironment(env),
      useColor: true,
      gitHub: createGitHubControl(this.#emulator),
      ...exampleValues(env, clientSecret),
    });
    if (result.exitCode !== 0) throw new Error(`${workflow} failed:\n${result.log}`);
    return result;
  }

  #writeEvent(pull: number): string {
    const text = readFileSync(join(root, 'examples/events/pull-request-opened.json'), 'utf8');
    const event = JSON.parse(text);
    const path = join(this.#eventFolder, `pull-request-${pull}.json`);
    writeFileSync(
      path,
      JSON.stringify({ ...event, number: pull, pull_request: { ...event.pull_request, number: pull } }),
    );
    return path;
  }

  /** Changes the state of the emulator (emulator/README.md). */
  change(change: object): Promise<void> {
    return patchEmulatorState(this.#emulator, change);
  }

  async readComment(pull: number): Promise<string> {
    const texts = Object.entries(readGitHubTexts(await readEmulatorState(this.#emulator)));
    const [, comment] = texts.find(([title]) => title.endsWith(` on #${pull} of ${REPOSITORY}`)) ?? [];
    if (comment === undefined) throw new Error(`Pull request ${pull} has no comment.`);
    return comment;
  }
}

/** Deploys to a new server, then changes the server without the action, then checks it. */
async function runDeployAndCheck(
  provisionMs: number,
): Promise<Pick<WrittenTexts, 'ensureSummary' | 'log' | 'checkSummary'>> {
  const emulation = await Emulation.start(provisionMs);
  try {
    const deploy = await emulation.run('deploy.yml', 'push');
    await emulation.change({
      server: 'demo-relecloud',
      properties: { backup: { backupRetentionDays: 14 }, storage: { autoGrow: 'Disabled' } },
      rules: { everyone: { startIpAddress: '0.0.0.0', endIpAddress: '255.255.255.255' } },
    });
    const check = await emulation.run('nightly.yml', 'schedule');
    return { ensureSummary: deploy.summary, log: deploy.log, checkSummary: check.summary };
  } finally {
    await emulation.stop();
  }
}

/** Opens pull requests, closes one without its job that drops the database, and sweeps. */
async function runPullRequests(): Promise<Pick<WrittenTexts, 'comment' | 'sweepSummary'>> {
  const emulation = await Emulation.start(2000);
  try {
    for (const pull of [4, 5, PULL_REQUEST]) await emulation.run('pull-request.yml', pull);
    const comment = await emulation.readComment(PULL_REQUEST);
    await emulation.change({
      repository: REPOSITORY,
      pulls: { 4: { state: 'closed' }, 5: { state: 'closed' } },
    });
    const sweep = await emulation.run('sweep.yml', 'schedule');
    return { comment, sweepSummary: sweep.summary };
  } finally {
    await emulation.stop();
  }
}

/**
 * Runs the examples against the emulated Azure and GitHub.
 * @param provisionMs how long the emulated Azure takes to create the server
 * @throws Error with the log if a run fails
 */
export async function runExamples(provisionMs: number): Promise<WrittenTexts> {
  const [server, pullRequests] = await Promise.all([runDeployAndCheck(provisionMs), runPullRequests()]);
  const texts = { ...server, ...pullRequests };
  const entries = Object.entries(texts).map(([name, text]) => [name, replaceVaryingParts(text)]);
  return Object.fromEntries(entries) as typeof texts;
}

/** The day that stands for the day of the runs. */
const PICTURE_DAY = Date.UTC(2031, 6, 20);

/** Rounds a duration, since every run takes a little longer or shorter: 3.3 s → 3 s, 2 min 43 s → 2 min 40 s. */
function roundDuration(minutes: number, seconds: number): string {
  if (minutes > 0) return `${minutes} min ${Math.floor(seconds / 10) * 10} s`;
  if (seconds < 0.3) return '0.1 s';
  if (seconds < 0.75) return '0.5 s';
  return `${seconds < 20 ? Math.round(seconds) : Math.round(seconds / 10) * 10} s`;
}

/**
 * Replaces what differs in every run (durations, dates, ids), and what only the emulator has (the domain of its
 * servers, its root certificate).
 */
export function replaceVaryingParts(text: string, now = Date.now()): string {
  const shift = PICTURE_DAY - Math.floor(now / 86_400_000) * 86_400_000;
  return text
    .replaceAll('postgres.database.azure.localhost', 'postgres.database.azure.com')
    .replace(/^.*NODE_EXTRA_CA_CERTS=.*\n/gm, '')
    .replace(/\b(?:(\d+) min )?(\d+(?:\.\d+)?) s\b/g, (_, minutes = '0', seconds) =>
      roundDuration(Number(minutes), Number(seconds)),
    )
    .replace(/\b20\d\d-\d\d-\d\d\b(?:([ T])\d\d:\d\d)?/g, (date, separator) => {
      const shifted = new Date(Date.parse(date.slice(0, 10)) + shift).toISOString().slice(0, 10);
      return separator === undefined ? shifted : `${shifted}${separator}02:43`;
    })
    .replace(/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/g, '6f1c2a34-0b7e-4d1a-9c55-0123456789ab')
    .replace(/-\d{11}-1-[0-9a-f]{10}\b/g, '-16543210987-1-35312f9e23');
}

import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseDocument, parse as parseYaml } from 'yaml';
import { repositoryRoot } from '../root.ts';

export const examplesDirectory = join(repositoryRoot, 'examples');

/** A step of an example, as its YAML has it. */
interface ExampleStep {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface ExampleJob {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly ExampleStep[];
}

/** A workflow in examples/. */
export interface Example {
  /** Such as `deploy.yml`. */
  readonly name: string;
  readonly text: string;
  readonly permissions: Readonly<Record<string, string>> | undefined;
  readonly jobs: Readonly<Record<string, ExampleJob>>;
  readonly steps: readonly ExampleStep[];
  /** The inputs of each step that runs this repository's action. */
  readonly actionInputs: readonly Readonly<Record<string, unknown>>[];
}

/** The reference of the action in everything that users copy. */
export const ACTION_REFERENCE = 'OWNER/azure-postgresql-action@v1';

function readExample(path: string): Example {
  const text = readFileSync(path, 'utf8');
  const { permissions, jobs } = parseYaml(text);
  const steps = Object.values<ExampleJob>(jobs).flatMap((job) => job.steps);
  const actionInputs = steps.filter(({ uses }) => uses === ACTION_REFERENCE).map((step) => step.with ?? {});
  return { name: basename(path), text, permissions, jobs, steps, actionInputs };
}

/** All workflows in examples/. */
export const examples: readonly Example[] = globSync(join(examplesDirectory, '*.yml'))
  .sort()
  .map(readExample);

/** The text of terraform.yml without its steps of Terraform, which the workflow runner does not run. */
export function withoutTerraform(text: string): string {
  const document = parseDocument(text);
  const steps = document.getIn(['jobs', 'deploy', 'steps'], true) as { items: unknown[] };
  steps.items = steps.items.filter((step) => !/setup-terraform|terraform init/.test(String(step)));
  return String(document);
}

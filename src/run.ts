import { readConfig, strangersRun, withRun } from './context.ts';
import { Journal } from './github/journal.ts';
import type { Workflow } from './github/workflow.ts';
import { checkEnvFile } from './publish.ts';
import { Story } from './report.ts';
import { check } from './routes/check.ts';
import { drop } from './routes/drop.ts';
import { ensure } from './routes/ensure.ts';
import { sweep } from './routes/sweep.ts';
import type { Run } from './waiting.ts';

/** The main half of the action: inputs → config, then the route of the mode, told from its beginning to its end. */
export async function main(workflow: Workflow): Promise<void> {
  new Journal(workflow).begin();
  const config = readConfig(workflow);
  if (config === undefined) {
    workflow.notice(
      `Skipped, since GitHub gives ${strangersRun(workflow.event)} no credentials (skip-without-credentials). There is no database for this run.`,
    );
    return;
  }
  if (config.mode === 'ensure') checkEnvFile(config.publish);
  const story = new Story(workflow, config);
  const route = (run: Run): Promise<void> => {
    const common = { workflow, run, story };
    switch (config.mode) {
      case 'ensure':
        return ensure({ ...common, config });
      case 'check':
        return check({ ...common, config });
      case 'drop':
        return drop({ ...common, config });
      case 'sweep':
        return sweep({ ...common, config });
    }
  };
  await story.tell(() => withRun(workflow, config.timeout, moreTime, route));
}

const moreTime =
  'Raise timeout-minutes if the work was still going on, and run the workflow again: what is there is found.';

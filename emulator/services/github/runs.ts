import type { HttpResponse } from '../../core/http-types.ts';
import type { JsonObject } from '../../core/json.ts';
import { accountBody, OCTOCAT, stableId } from './accounts.ts';
import { gitHubErrors } from './github-errors.ts';
import type { RepositoryRequest, RepositoryRoute } from './github-request.ts';
import { repositoryBody } from './pulls.ts';
import type { Repository, WorkflowRun } from './repository.ts';

function runBody(run: WorkflowRun, repository: Repository, origin: string): JsonObject {
  const url = `${origin}/repos/${repository.fullName}/actions/runs/${run.id}`;
  const workflow = stableId(`${repository.fullName} ${run.path}`);
  const actor = accountBody(OCTOCAT, origin);
  return {
    id: run.id,
    name: run.name,
    node_id: `WFR_${run.id}`,
    head_branch: run.headBranch,
    head_sha: run.headSha,
    path: run.path,
    display_title: run.name,
    run_number: 1,
    event: run.event,
    status: run.status,
    conclusion: run.conclusion,
    workflow_id: workflow,
    url,
    html_url: `https://github.com/${repository.fullName}/actions/runs/${run.id}`,
    pull_requests: [],
    created_at: run.createdAt,
    updated_at: run.updatedAt,
    actor,
    run_attempt: run.attempt,
    run_started_at: run.createdAt,
    triggering_actor: actor,
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    previous_attempt_url: run.attempt > 1 ? `${url}/attempts/${run.attempt - 1}` : null,
    workflow_url: `${origin}/repos/${repository.fullName}/actions/workflows/${workflow}`,
    repository: repositoryBody(repository, origin),
    head_repository: repositoryBody(repository, origin),
  };
}

function requireRun({ repository, numericParams }: RepositoryRequest): WorkflowRun {
  const run = repository.runs.get(numericParams['id'] ?? 0);
  if (run) return run;
  throw gitHubErrors.notFound();
}

function getRun(call: RepositoryRequest): HttpResponse {
  return { status: 200, body: runBody(requireRun(call), call.repository, call.origin) };
}

function getRunAttempt(call: RepositoryRequest): HttpResponse {
  const run = requireRun(call);
  const attempt = call.numericParams['attempt'] ?? 0;
  if (attempt < 1 || attempt > run.attempt) throw gitHubErrors.notFound();
  // The emulator stores only the last attempt. Earlier attempts have ended, usually with a failure.
  const earlier = { ...run, attempt, status: 'completed', conclusion: 'failure' };
  const body = runBody(attempt === run.attempt ? run : earlier, call.repository, call.origin);
  return { status: 200, body };
}

const READ_PERMISSION = { needs: ['actions'], level: 'read' } as const;

/** The emulated part of "REST API endpoints for workflow runs". */
export const runRoutes: readonly RepositoryRoute[] = [
  {
    method: 'GET',
    path: 'actions/runs/{id}',
    documentation: 'rest/actions/workflow-runs#get-a-workflow-run',
    ...READ_PERMISSION,
    handle: getRun,
  },
  {
    method: 'GET',
    path: 'actions/runs/{id}/attempts/{attempt}',
    documentation: 'rest/actions/workflow-runs#get-a-workflow-run-attempt',
    ...READ_PERMISSION,
    handle: getRunAttempt,
  },
];

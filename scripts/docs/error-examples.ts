import { adviseOnFederatedCredential } from '../../src/azure/federated-identity.ts';
import { azureHint } from '../../src/azure/hints.ts';
import { stateHint } from '../../src/azure/server-states.ts';
import {
  type ActionError,
  type AzureDetails,
  actionError,
  type ErrorCode,
  type ErrorParameters,
} from '../../src/common/errors.ts';
import { formatDuration } from '../../src/common/polling.ts';
import { findKnownCause } from '../../src/migration/known-causes.ts';
import { explainWriteProtection } from '../../src/postgres/write-protection.ts';
import { databaseNotOwnedError } from '../../src/reconcile/ownership.ts';

/*
 * A typical message of each error, for docs/troubleshooting.md.
 */

const host = 'demo-relecloud.postgres.database.azure.com';
const ruleId =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/relecloud/providers/Microsoft.DBforPostgreSQL/flexibleServers/demo-relecloud/firewallRules/gha-temporary-1';

const creatingServer = "creating server 'demo-relecloud'";
const restrictedRegion: AzureDetails = {
  code: 'LocationIsOfferRestricted',
  message:
    "Subscriptions are restricted from provisioning in location 'eastus'. Try again in a different location.",
};
const missingRole: AzureDetails = {
  code: 'AuthorizationFailed',
  message: 'The client does not have authorization to perform this action.',
};

const clientId = '00000000-0000-0000-0000-000000000000';
const presentedClaims = {
  iss: 'https://token.actions.githubusercontent.com',
  sub: 'repo:relecloud/tours:environment:pull-requests',
  aud: 'api://AzureADTokenExchange',
  event_name: 'pull_request',
};
const presentedToken = `.${Buffer.from(JSON.stringify(presentedClaims)).toString('base64url')}.`;

const deniedTable = findKnownCause('ERROR: permission denied for table django_migrations', {
  user: 'relecloud_app',
  database: 'relecloud',
  runAs: 'app',
  template: undefined,
  envPrefix: 'DB_',
  canWrite: true,
});
const fullStorage = explainWriteProtection('server', { storageGiB: 32, hasAutoGrow: false });

/** Azure's part of the examples. */
const azureDetails: Partial<Record<ErrorCode, AzureDetails>> = {
  'azure-request-failed': restrictedRegion,
  'state-unknown': missingRole,
  'sign-in-failed': {
    code: 'AADSTS700213',
    message: 'No matching federated identity record found for presented assertion subject.',
  },
};

/** The parameters of the text of each error. */
const parameters: { readonly [C in Exclude<ErrorCode, 'not-owned'>]: ErrorParameters<C> } = {
  'inputs-invalid': {
    errors: [
      'admin-password is missing: put it into a secret and pass ${{ secrets.… }} (if the step sets it by an expression, its variable or secret does not exist, or is empty)',
      "storage-size-gb is '33', but must be one of: 32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767",
    ],
  },
  'creation-inputs-invalid': {
    server: 'demo-relecloud',
    errors: ['region is missing: a new server needs one, such as westeurope'],
  },
  'server-parameters-invalid': {
    server: 'demo-relecloud',
    errors: ["work_mem is '1kB', but must be from 64kB to 2147483647kB"],
  },
  'sign-in-failed': {
    method: "OpenID Connect (the job's own token)",
    reason: 'AADSTS700213',
    ...(adviseOnFederatedCredential('AADSTS700213', presentedToken, clientId) ?? { hint: '' }),
  },
  'azure-request-failed': { doing: creatingServer, hint: azureHint(restrictedRegion, creatingServer) },
  'state-unknown': {
    what: "server 'demo-relecloud'",
    reason: missingRole.message,
    hint: azureHint(missingRole, "reading server 'demo-relecloud'"),
  },
  'server-not-found': {
    server: 'demo-relecloud',
    subscription: '00000000-0000-0000-0000-000000000000',
    resourceGroup: 'relecloud',
  },
  'server-ambiguous': { server: 'demo-relecloud', groups: ['relecloud', 'relecloud-old'] },
  'server-name-taken': { server: 'demo-relecloud', resourceGroup: 'relecloud' },
  'server-not-usable': { server: 'demo-relecloud', state: 'Inaccessible', hint: stateHint('Inaccessible') },
  'server-not-suitable': {
    server: 'demo-relecloud',
    mode: 'ensure',
    reasons: [
      'the server is inside a virtual network (private access), where Azure has no firewall rules: remove allowed-ip-ranges and allow-azure-services, and admit clients by the network security group of its subnet',
    ],
  },
  'login-failed': {
    user: 'relecloud_admin',
    host,
    database: 'postgres',
    reason: 'password authentication failed for user "relecloud_admin" (SQLSTATE 28P01)',
    hint: 'Check admin-username and admin-password. The given password begins or ends with white space.',
  },
  'not-reachable': {
    host,
    reason: 'the firewall has a rule for 203.0.113.9, but the connection timed out.',
    hint: 'If this runner reaches PostgreSQL from another address, set runner-ip to that address, or set allowed-ip-ranges in the step with mode: ensure to all addresses of its network. Or its network blocks connections to port 5432.',
  },
  'egress-address-unknown': {
    reason: 'fewer than two of the services that return the address of their caller answered.',
    hint: 'Permit requests from this runner to these services, or set runner-ip.',
  },
  'connections-exhausted': {
    host,
    scope: 'server',
    name: '',
    limit: 50,
    reason:
      'remaining connection slots are reserved for roles with privileges of the "pg_use_reserved_connections" role (SQLSTATE 53300)',
  },
  'session-lost': {
    statement: 'ALTER SCHEMA',
    database: 'relecloud',
    user: 'relecloud_admin',
    reason: 'terminating connection due to administrator command (SQLSTATE 57P01)',
    hint: 'An administrator ended the session, or the server shut down. Run the step again.',
  },
  'database-failed': {
    database: 'relecloud',
    reason: 'permission denied to create database (SQLSTATE 42501)',
    hint: 'Set admin-username to the administrator of the server.',
  },
  'extension-failed': {
    extension: 'pgvector',
    reason: 'Azure does not offer it on this server.',
    hint: 'Correct the input extensions: did you mean vector?',
  },
  'role-failed': {
    role: 'relecloud_app',
    doing: 'Creating',
    reason: 'permission denied to create role (SQLSTATE 42501)',
    hint: 'Grant CREATEROLE to the role in admin-username, or set admin-username to the administrator of the server.',
  },
  'template-differs': {
    template: 'relecloud',
    differences: ["collation is 'C', and the template has 'en_US.utf8'"],
  },
  'template-in-use': {
    template: 'relecloud',
    after: formatDuration(120_000),
    sessions: [
      'gunicorn of role relecloud_app, process 4711, from 203.0.113.7, since 2026-02-03 04:05:06 UTC',
    ],
    timesEnded: 0,
    hint: '',
  },
  'server-read-only': {
    host,
    reason: 'cannot execute CREATE TABLE in a read-only transaction (SQLSTATE 25006)',
    ...fullStorage,
  },
  'sql-failed': {
    statement: 'ALTER SCHEMA',
    database: 'relecloud',
    user: 'relecloud_admin',
    reason: 'the schema is frozen (SQLSTATE P0001)',
    hint: 'Correct what PostgreSQL reports, then run the step again.',
  },
  'migration-failed': {
    reason: 'ended with exit code 1',
    ...deniedTable,
  },
  'migration-lock-lost': {
    reason: 'terminating connection due to administrator command (SQLSTATE 57P01)',
    hint: 'An administrator ended the session, or the server shut down. Run the step again.',
  },
  'no-credentials': {
    withheld: 'secrets or an OpenID Connect token',
    why: 'a fork’s pull request',
    alternative: 'run the step only for branches of this repository',
  },
  'fork-not-allowed': { number: 7 },
  'pull-request-closed': { number: 7, repository: 'relecloud/tours' },
  'drop-failed': {
    what: "Role 'relecloud_app_pr_7'",
    reason: "outside the pull request's database, where the action drops nothing, it still has:",
    lines: ["in database 'reports': table public.copies"],
    hint: 'Run the following as admin-username (or as the role that a line names), then run the step again:',
    statements: [
      'In database \'reports\': GRANT "relecloud_app_pr_7" TO CURRENT_USER; then REASSIGN OWNED BY "relecloud_app_pr_7" TO CURRENT_USER;',
    ],
  },
  'roles-failed': {
    failures: [
      new Error("Role 'relecloud_app_pr_7' could not be dropped: …"),
      new Error("Role 'other_app_pr_7' could not be dropped: …"),
    ],
  },
  renewed: { database: 'relecloud_pr_7' },
  'sweep-unchecked': {
    names: ["pull request #7, database 'relecloud_pr_7'"],
    reason:
      'The session with PostgreSQL ended during the run, at a statement: Connection terminated unexpectedly',
    hint: 'Check in the Azure portal whether the server restarted or failed over, and whether a proxy or NAT ends connections. Then run the step again.',
  },
  'sweep-incomplete': {
    failures: [
      new Error(
        "pull request #7, role 'relecloud_app_pr_7': Role 'relecloud_app_pr_7' could not be dropped: …",
      ),
    ],
  },
  drifted: { findings: 1 },
  'check-incomplete': {
    reasons: ["The login to database 'postgres' failed: password authentication failed (SQLSTATE 28P01)"],
    hint: 'Check admin-username and admin-password.',
    findings: 1,
  },
  'report-not-written': { reason: "EACCES: permission denied, open 'reports/drift.json'" },
  'rule-not-removed': {
    rule: 'gha-temporary-1',
    ruleId,
    reason: "A request to Azure failed while deleting firewall rule 'gha-temporary-1'.",
    before: 'A lock against deletion on the server or its resource group forbids this: remove the lock.',
  },
  'state-invalid': { key: 'rule', reason: 'is not JSON' },
  'timed-out': {
    waitingFor: "server 'demo-relecloud' to be Ready",
    after: formatDuration(1_800_000),
    hint: 'Increase timeout-minutes if the work was still in progress, and run the workflow again: it continues with what already exists.',
  },
  cancelled: { signal: 'SIGINT' },
  unexpected: { reason: "Cannot read properties of undefined (reading 'id')" },
};

/** A typical error of a code. */
export function exampleErrorOf(code: ErrorCode): ActionError {
  if (code === 'not-owned')
    return databaseNotOwnedError(
      { owner: 'first_admin', isOwnedByAdmin: false, marker: undefined, connectionLimit: -1 },
      { name: 'relecloud_pr_7', marker: undefined },
      'drop',
    );
  const azure = azureDetails[code];
  return actionError(code, parameters[code], azure === undefined ? {} : { azure });
}

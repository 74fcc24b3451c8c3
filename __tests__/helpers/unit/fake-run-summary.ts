import type { RunSummary } from '../../../src/reporting/run-summary.ts';

/** A run that found everything as declared, by default of `mode: ensure`. */
export const createRunSummary = (overrides: Partial<RunSummary>): RunSummary => ({
  mode: 'ensure',
  server: 'demo-relecloud',
  serverProperties: ['PostgreSQL 17', 'Standard_B1ms, 32 GiB', 'West Europe'],
  database: 'relecloud',
  configFile: undefined,
  isDryRun: false,
  login:
    (overrides.mode ?? 'ensure') === 'ensure'
      ? { user: 'relecloud_app', isAdministrator: false, variables: ['DB_HOST', 'DATABASE_URL'] }
      : undefined,
  hasMigrationCommand: false,
  temporaryRuleAddress: undefined,
  keepRule: false,
  changes: [],
  dryRunDrops: [],
  skipped: [],
  wideOpenRules: [],
  remainingFindings: [],
  phases: [],
  durationMs: 6100,
  error: undefined,
  errorCode: undefined,
  errorUrl: undefined,
  ...overrides,
});

import type { CheckConfig, Config, EnsureConfig } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/parse.ts';

export type Given = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string | undefined>>;

export const someGuid = '6f1c2a34-0b7e-4d1a-9c55-0123456789ab';

/** The tutorial's own values (design.md, Validate no tighter than Azure). */
export const tutorial: Given = {
  'subscription-id': someGuid,
  'server-name': 'demo-relecloud',
  'admin-username': 'relecloud_admin',
  'admin-password': 'VerySecurePassword!1',
  database: 'relecloud',
};

/** The one folder that is not there. */
export const noFolder = 'nowhere';

/** What parsing makes of the given inputs. */
export function parse(given: Given, env: Environment = {}): ReturnType<typeof parseConfig> {
  return parseConfig((name) => given[name] ?? '', { env, isDirectory: (path) => path !== noFolder });
}

/** The faults of the tutorial's inputs with others laid over them; none where they are usable. */
export function faultsOf(given: Given, env: Environment = {}): readonly string[] {
  const parsed = parse({ ...tutorial, ...given }, env);
  return 'faults' in parsed ? parsed.faults : [];
}

/** The configuration of the tutorial's inputs with others laid over them. */
export function configOf(given: Given = {}, env: Environment = {}): Config {
  const parsed = parse({ ...tutorial, ...given }, env);
  if ('faults' in parsed) throw new Error(parsed.faults.join('\n'));
  return parsed;
}

export function ensureConfig(given: Given = {}, env: Environment = {}): EnsureConfig {
  const config = configOf(given, env);
  if (config.mode !== 'ensure') throw new Error(`mode is ${config.mode}`);
  return config;
}

export function checkConfig(given: Given = {}): CheckConfig {
  const config = configOf({ ...given, mode: 'check' });
  if (config.mode !== 'check') throw new Error(`mode is ${config.mode}`);
  return config;
}

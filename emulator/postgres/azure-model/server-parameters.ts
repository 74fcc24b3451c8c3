import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Cluster } from '../cluster/cluster.ts';
import { EMULATOR_SETTINGS } from '../cluster/template-cluster.ts';
import type { ParameterRow, PasswordStorage, ServerParameters } from '../types.ts';
import { AZURE_EXTENSION } from './azure-extension.ts';
import { ACCEPTED_METHODS_PARAMETER, defaultAcceptedMethods, writePgHba } from './password-storage.ts';
import { RECORDED_PARAMETERS } from './recorded-parameters.ts';

/** Server parameters that Azure adds to PostgreSQL's. */
const AZURE_PARAMETERS: readonly Omit<ParameterRow, 'value' | 'isConfigPendingRestart' | 'source'>[] = [
  {
    name: ACCEPTED_METHODS_PARAMETER,
    description: 'Accepted password authentication method.',
    // Depends on the password storage of the server, see #azureRows.
    defaultValue: '',
    dataType: 'Set',
    allowedValues: 'md5,scram-sha-256',
    isDynamicConfig: true,
    isReadOnly: false,
  },
  {
    name: 'azure.extensions',
    description: 'Specifies which extensions are allowed to be created in the server.',
    defaultValue: '',
    dataType: 'Set',
    // The available extensions, see #azureRows.
    allowedValues: '',
    isDynamicConfig: true,
    isReadOnly: false,
  },
  {
    name: 'pgaudit.log',
    description: 'Specifies which classes of statements will be logged by session audit logging.',
    defaultValue: 'none',
    dataType: 'Set',
    allowedValues: 'none,read,write,function,role,ddl,misc,all',
    isDynamicConfig: true,
    isReadOnly: false,
  },
  {
    name: 'pgbouncer.enabled',
    description: 'Denotes if pgBouncer service is enabled.',
    defaultValue: 'false',
    dataType: 'Boolean',
    allowedValues: 'true, false',
    isDynamicConfig: true,
    isReadOnly: false,
  },
  {
    name: 'require_secure_transport',
    description:
      'Whether client connections to the server are required to use some form of secure transport.',
    defaultValue: 'on',
    dataType: 'Boolean',
    allowedValues: 'on,off',
    isDynamicConfig: true,
    isReadOnly: false,
  },
];

/**
 * Parameters whose values are only stored and not set in PostgreSQL: those that the emulator sets differently (see
 * template-cluster.ts), and those that need libraries that the npm packages do not contain.
 */
const SHADOWED_PARAMETERS = new Set([
  ...Object.keys(EMULATOR_SETTINGS),
  'io_method',
  'session_preload_libraries',
  'shared_preload_libraries',
]);

/** What ARM reports of PostgreSQL's parameters, where it differs from what PostgreSQL does. */
const recordedParameters = new Map(RECORDED_PARAMETERS.map((parameter) => [parameter.name, parameter]));

/** The extensions that clients can create, see azure-extension.ts. */
const ALLOW_LIST_PARAMETER = 'azure.extensions';

/** Azure's parameters that clients can `SHOW`. */
const SHOWABLE_AZURE_PARAMETERS = new Set<string>([ALLOW_LIST_PARAMETER, ACCEPTED_METHODS_PARAMETER]);

/** Parameters for listening and for file paths, which only the service can set. */
const READ_ONLY_PARAMETERS =
  /^(listen_addresses|port|unix_socket_.*|.*_file|data_directory|logging_collector|log_directory|log_filename|ssl_.*)$/;

/** Parameters with a list of quoted names (GUC_LIST_QUOTE). `ALTER SYSTEM` needs the names as separate values. */
const QUOTED_LIST_PARAMETERS = new Set(['local_preload_libraries', 'search_path', 'temp_tablespaces']);

/** ARM's names of the types in pg_settings. */
const ARM_DATA_TYPES: Readonly<Record<string, string>> = {
  bool: 'Boolean',
  integer: 'Integer',
  real: 'Numeric',
  enum: 'Enumeration',
  string: 'String',
};

interface SettingRow {
  readonly name: string;
  readonly value: string;
  readonly description: string;
  readonly vartype: string;
  readonly unit: string | null;
  readonly choices: string | null;
  readonly range: string | null;
  readonly context: string;
  readonly pending_restart: boolean;
}

/** A value that was set through ARM. */
interface ParameterOverride {
  readonly value: string;
  readonly defaultValue: string;
  pendingRestart: boolean;
}

/** The parameters of one server: PostgreSQL's own and Azure's. */
export class Parameters implements ServerParameters {
  readonly #cluster: Cluster;
  readonly #passwordStorage: PasswordStorage;
  readonly #overrides = new Map<string, ParameterOverride>();

  constructor(cluster: Cluster, passwordStorage: PasswordStorage) {
    this.#cluster = cluster;
    this.#passwordStorage = passwordStorage;
  }

  /** The value of `require_secure_transport`, which the proxy enforces. */
  get requireSecureTransport(): boolean {
    return this.#overrides.get('require_secure_transport')?.value.toLowerCase() !== 'off';
  }

  /** The password methods that logins can use, separated by commas. */
  get acceptedMethods(): string {
    return (
      this.#overrides.get(ACCEPTED_METHODS_PARAMETER)?.value ?? defaultAcceptedMethods(this.#passwordStorage)
    );
  }

  /** Must be called after a restart. */
  clearPendingRestarts(): void {
    for (const override of this.#overrides.values()) override.pendingRestart = false;
  }

  async list(): Promise<ParameterRow[]> {
    const settings = await this.#readSettings();
    const offered = await this.#availableExtensions();
    const rows = [...settings.map((setting) => this.#toRow(setting)), ...this.#azureRows(offered)];
    return rows.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  async set(name: string, value: string): Promise<{ pendingRestart: boolean }> {
    const current =
      (await this.list()).find((row) => row.name === name) ?? (await this.#throwUnknownParameter(name));
    if (current.isReadOnly) {
      throw Object.assign(new Error(`parameter "${name}" cannot be changed`), { code: '55P02' });
    }
    const isAzureParameter = AZURE_PARAMETERS.some((parameter) => parameter.name === name);
    if (name === ACCEPTED_METHODS_PARAMETER) await writePgHba(this.#cluster.directory, value);
    const isSetInPostgres =
      SHOWABLE_AZURE_PARAMETERS.has(name) || (!isAzureParameter && !SHADOWED_PARAMETERS.has(name));
    if (isSetInPostgres) await this.#alterSystem(name, value);
    const pendingRestart = !current.isDynamicConfig;
    this.#overrides.set(name, { value, defaultValue: current.defaultValue, pendingRestart });
    return { pendingRestart };
  }

  /** Get PostgreSQL's own error for an unknown parameter. `ALTER SYSTEM` accepts every name with a dot. */
  #throwUnknownParameter(name: string): Promise<never> {
    return this.#cluster.withSession(async (client) => {
      await client.query('SELECT current_setting($1)', [name]);
      throw new Error(`Parameter ${name} is not a server parameter.`);
    });
  }

  #readSettings(): Promise<SettingRow[]> {
    return this.#cluster.withSession(async (client) => {
      const { rows } = await client.query<SettingRow>(
        // The session of the service has other values than the server for parameters that a client or a role sets, and those
        // of PL/pgSQL only after it has executed such a function, which would move the rows between two pages.
        `SELECT name, CASE WHEN source IN ('client', 'user', 'session') OR name = ANY ($1) THEN coalesce(boot_val, '')
                           ELSE coalesce(reset_val, '') END AS value,
                short_desc AS description, vartype, unit, array_to_string(enumvals, ',') AS choices,
                min_val || '-' || max_val AS range, context, pending_restart
         FROM pg_settings WHERE name <> ALL ($2) AND NOT starts_with(name, 'plpgsql.')`,
        [[...SHADOWED_PARAMETERS], AZURE_PARAMETERS.map(({ name }) => name)],
      );
      return rows;
    });
  }

  /** The extensions that the allow-list can contain, separated by commas. The empty entry permits the empty list (inferred). */
  #availableExtensions(): Promise<string> {
    return this.#cluster.withSession(async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT name FROM pg_available_extensions WHERE name <> $1 ORDER BY name COLLATE "C"`,
        [AZURE_EXTENSION],
      );
      return ['', ...rows.map(({ name }) => name)].join(',');
    });
  }

  #toRow(setting: SettingRow): ParameterRow {
    const { name } = setting;
    const recorded = recordedParameters.get(name);
    const unit = recorded === undefined ? setting.unit : recorded.unit;
    const override = this.#overrides.get(name);
    const isPendingRestart =
      override !== undefined &&
      (SHADOWED_PARAMETERS.has(name) ? override.pendingRestart : setting.pending_restart);
    const value =
      override && (isPendingRestart || SHADOWED_PARAMETERS.has(name)) ? override.value : setting.value;
    return {
      name,
      value,
      description: setting.description,
      defaultValue: override?.defaultValue ?? setting.value,
      dataType: recorded?.dataType ?? ARM_DATA_TYPES[setting.vartype] ?? 'String',
      ...(unit ? { unit } : {}),
      allowedValues:
        recorded?.allowedValues ??
        (setting.vartype === 'bool' ? 'on,off' : (setting.choices ?? setting.range ?? '')),
      isDynamicConfig: !['postmaster', 'internal'].includes(setting.context),
      isReadOnly: recorded?.isReadOnly ?? (setting.context === 'internal' || READ_ONLY_PARAMETERS.test(name)),
      isConfigPendingRestart: isPendingRestart,
      source: override ? 'user-override' : 'system-default',
    };
  }

  #azureRows(offered: string): ParameterRow[] {
    return AZURE_PARAMETERS.map((parameter) => {
      const override = this.#overrides.get(parameter.name);
      const defaultValue =
        parameter.name === ACCEPTED_METHODS_PARAMETER
          ? defaultAcceptedMethods(this.#passwordStorage)
          : parameter.defaultValue;
      return {
        ...parameter,
        defaultValue,
        allowedValues: parameter.name === ALLOW_LIST_PARAMETER ? offered : parameter.allowedValues,
        value: override?.value ?? defaultValue,
        isConfigPendingRestart: false,
        source: override ? 'user-override' : 'system-default',
      };
    });
  }

  async #alterSystem(name: string, value: string): Promise<void> {
    const items = QUOTED_LIST_PARAMETERS.has(name) ? value.split(',').map(unquote) : [value];
    const literal = items.map((item) => pg.escapeLiteral(item)).join(', ');
    const previousLoadTime = await this.#cluster.withSession(async (client) => {
      await client.query(`ALTER SYSTEM SET ${pg.escapeIdentifier(name)} = ${literal}`);
      const { rows } = await client.query('SELECT pg_conf_load_time()::text AS at, pg_reload_conf()');
      return rows[0].at;
    });
    await this.#waitForReload(previousLoadTime);
  }

  /** The postmaster reads its files some time after pg_reload_conf(). Only sessions that start later have the new values. */
  async #waitForReload(previousLoadTime: string): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (performance.now() < deadline) {
      const loadTime = await this.#cluster.withSession(async (client) => {
        const { rows } = await client.query('SELECT pg_conf_load_time()::text AS at');
        return rows[0].at;
      });
      if (loadTime !== previousLoadTime) return;
      await delay(5);
    }
    throw new Error('PostgreSQL did not reload its configuration.');
  }
}

/** Remove the quotes that PostgreSQL shows in a list: `"$user"` becomes `$user`. */
function unquote(item: string): string {
  const name = item.trim();
  return /^".*"$/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
}

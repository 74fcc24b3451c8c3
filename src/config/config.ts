import type { AddressRange } from './addresses.ts';

/** What the inputs say, checked and typed. Frozen; made by `parseConfig` alone. */
export type Config = EnsureConfig | CheckConfig;

interface CommonConfig {
  readonly cloud: CloudName;
  readonly signIn: SignInConfig;
  readonly server: ServerConfig;
  readonly administrator: Credentials | undefined;
  readonly firewall: FirewallConfig;
  readonly startIfStopped: boolean;
  /** For the whole run, in milliseconds. */
  readonly timeout: number;
}

/** `mode: ensure`: what is missing is made. */
export interface EnsureConfig extends CommonConfig {
  readonly mode: 'ensure';
  readonly administrator: Credentials;
  readonly database: DatabaseConfig;
  readonly publish: PublishConfig;
  readonly migration: MigrationConfig | undefined;
  readonly onDrift: 'warn' | 'fix';
}

/** `mode: check`: the same route with no writer. */
export interface CheckConfig extends CommonConfig {
  readonly mode: 'check';
  readonly database: DatabaseConfig | undefined;
  readonly onDrift: 'warn' | 'fail';
}

export type CloudName = 'AzureCloud' | 'AzureUSGovernment' | 'AzureChinaCloud';

export interface SignInConfig {
  readonly clientId: string | undefined;
  readonly tenantId: string | undefined;
  readonly subscriptionId: string;
  readonly clientSecret: string | undefined;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Properties are undefined where no input names them: those are defaulted on creation and never compared. */
export interface ServerConfig {
  readonly name: string;
  /** Whether the name is an address, by which the server has to be searched as by its host name. */
  readonly byHost: boolean;
  readonly resourceGroup: string | undefined;
  readonly region: string | undefined;
  readonly version: string | undefined;
  readonly skuName: string | undefined;
  readonly storageSizeGB: number | undefined;
  readonly storageAutoGrow: boolean | undefined;
  readonly backupRetentionDays: number | undefined;
  readonly geoRedundantBackup: boolean | undefined;
  readonly highAvailability: 'Disabled' | 'SameZone' | 'ZoneRedundant' | undefined;
  readonly availabilityZone: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  readonly parameters: ReadonlyMap<string, string>;
}

export interface FirewallConfig {
  readonly runnerIp: string | undefined;
  readonly keepRule: boolean;
  readonly declared: readonly DeclaredRule[];
}

/** A firewall rule that stays. Without a name of the user's, any rule of the same range will do. */
export interface DeclaredRule extends AddressRange {
  readonly name: string;
  readonly named: boolean;
}

export interface DatabaseConfig {
  readonly name: string;
  readonly charset: string;
  readonly collation: string;
}

export type ConnectionFormat = 'url' | 'pg' | 'jdbc' | 'ado.net';

export interface PublishConfig {
  readonly exportEnv: boolean;
  readonly envPrefix: string;
  readonly envFile: string | undefined;
  readonly formats: readonly ConnectionFormat[];
  readonly sslMode: 'require' | 'verify-full';
}

export interface MigrationConfig {
  readonly command: string;
  readonly workingDirectory: string;
  /** In milliseconds; undefined: the run's own limit. */
  readonly timeout: number | undefined;
}

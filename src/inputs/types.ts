import type { AddressRange } from '../common/addresses.ts';
import type { DatabaseMarker, RoleMarker } from '../common/ownership-marker.ts';

/** What the inputs say, checked and typed. Frozen; made by `parseConfig`, and of one pull request's part by a sweep. */
export type Config = EnsureConfig | CheckConfig | DropConfig | SweepConfig;

interface CommonConfig {
  readonly cloud: CloudName;
  readonly signIn: SignInConfig;
  readonly server: ServerConfig;
  readonly administrator: Credentials | undefined;
  readonly firewall: FirewallConfig;
  readonly startIfStopped: boolean;
  readonly gitHubToken: string | undefined;
  /** For the whole run, in milliseconds. */
  readonly timeoutMs: number;
}

/** `mode: ensure`: what is missing is made. */
export interface EnsureConfig extends CommonConfig {
  readonly mode: 'ensure';
  readonly administrator: Credentials;
  readonly pullRequest: PullRequestConfig | undefined;
  readonly database: DatabaseConfig;
  readonly appRole: AppRoleConfig | undefined;
  readonly extensions: readonly string[];
  readonly publish: PublishConfig;
  readonly migration: MigrationConfig | undefined;
  readonly comment: boolean;
  readonly onDrift: 'warn' | 'fix';
  /** Whose run creates the server; an empty id outside a workflow. */
  readonly repository: RepositoryConfig;
  /** See CheckConfig. */
  readonly driftReportPaths: readonly string[];
  readonly configSource: ConfigFileSource | undefined;
}

/** `mode: check`: the same route with no writer. */
export interface CheckConfig extends CommonConfig {
  readonly mode: 'check';
  readonly pullRequest: PullRequestConfig | undefined;
  readonly database: DatabaseConfig | undefined;
  readonly appRole: RoleConfig | undefined;
  readonly extensions: readonly string[];
  readonly onDrift: 'warn' | 'fail';
  /** Files to write, as the step means them; their names end in `.json` or `.sarif`. */
  readonly driftReportPaths: readonly string[];
  readonly driftIssue: boolean;
  /** Whose runs can be asked for, and whose issue is kept; an empty id where nothing tells it. */
  readonly repository: RepositoryConfig;
  /** Where the inputs stand, for annotations; undefined where they are the step's own. */
  readonly configSource: ConfigFileSource | undefined;
}

/** Where a `config-file` says what. */
export interface ConfigFileSource {
  /** As the input names it. */
  readonly path: string;
  /** Line of each input that the file has, the first line being 1. */
  readonly lines: ReadonlyMap<string, number>;
}

/** `mode: drop`: the pull request's part of what is declared, inverted. */
export interface DropConfig extends CommonConfig {
  readonly mode: 'drop';
  readonly administrator: Credentials;
  readonly pullRequest: PullRequestConfig;
  readonly database: DatabaseConfig;
  readonly appRole: RoleConfig | undefined;
  readonly comment: boolean;
  readonly dryRun: boolean;
}

/** `mode: sweep`: `drop` over what a query finds. */
export interface SweepConfig extends CommonConfig {
  readonly mode: 'sweep';
  readonly administrator: Credentials;
  /** Whose marks count; GitHub's numeric id, and `owner/name`. */
  readonly repository: RepositoryConfig;
  readonly comment: boolean;
  readonly dryRun: boolean;
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

export interface RepositoryConfig {
  /** GitHub's numeric id, which outlives renames and transfers. */
  readonly id: string;
  /** `owner/name` */
  readonly name: string;
}

export interface PullRequestConfig {
  readonly number: number;
  readonly repository: RepositoryConfig;
  /** As the event says, which may be old news on a re-run; undefined where it says nothing. */
  readonly state: 'open' | 'closed' | undefined;
}

/** Properties are undefined where no input names them: those are defaulted on creation and never compared. */
export interface ServerConfig {
  readonly name: string;
  /** Whether the name is an address, by which the server has to be searched as by its host name. */
  readonly isNameIpAddress: boolean;
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
  readonly passwordAuth: boolean | undefined;
  readonly entraAuth: boolean | undefined;
  readonly publicAccess: boolean | undefined;
  /** Nodes of an elastic cluster. */
  readonly clusterSize: number | undefined;
  readonly maintenanceWindow: MaintenanceWindow | 'system-managed' | undefined;
  readonly tags: ReadonlyMap<string, string>;
  readonly parameters: ReadonlyMap<string, string>;
}

/** A window of the server's own, in UTC. */
export interface MaintenanceWindow {
  /** 0 is Sunday, as Azure counts. */
  readonly dayOfWeek: number;
  readonly startHour: number;
  readonly startMinute: number;
}

export interface FirewallConfig {
  readonly runnerIp: string | undefined;
  readonly keepRule: boolean;
  readonly declaredRules: readonly DeclaredRule[];
}

/** A firewall rule that stays. Without a name of the user's, any rule of the same range will do. */
export interface DeclaredRule extends AddressRange {
  readonly name: string;
  readonly hasExplicitName: boolean;
}

export interface DatabaseConfig {
  /** As it is called on the server: of a pull request, with its number. */
  readonly name: string;
  /** The input `database`. */
  readonly base: string;
  /** Undefined where no input names it: defaulted on creation and never compared. */
  readonly charset: string | undefined;
  readonly collation: string | undefined;
  /** The database to clone; charset and collation then come along from it. */
  readonly template: string | undefined;
  /** What makes it a pull request's; a base database bears none. */
  readonly marker: DatabaseMarker | undefined;
  /** Whether it is dropped and made again. */
  readonly reset: boolean;
  /** Milliseconds since last ensured after which it may be swept. */
  readonly expiresInMs: number | undefined;
}

/** The application role: the administrator owns the database, this role what is in it (design.md). */
export interface RoleConfig {
  readonly name: string;
  /** The input `app-username`. */
  readonly base: string;
  readonly marker: RoleMarker;
}

export interface AppRoleConfig extends RoleConfig {
  /** Its password, or the key that it is derived from, as hexadecimal digits. */
  readonly secret: { readonly password: string } | { readonly key: string };
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
  readonly timeoutMs: number | undefined;
  /** Whose connection it gets. */
  readonly runAs: 'app' | 'admin';
}

import type { AddressRange } from '../common/addresses.ts';
import type { DatabaseMarker, RoleMarker } from '../common/ownership-marker.ts';
import type { ServerPropertyValues } from './server-properties.ts';

/** The validated configuration of a run, frozen. `parseConfig` creates it; a sweep derives one for each pull request. */
export type Config = EnsureConfig | CheckConfig | DropConfig | SweepConfig;

interface CommonConfig {
  readonly cloud: CloudName;
  readonly signIn: SignInConfig;
  readonly server: ServerConfig;
  readonly administrator: Credentials | undefined;
  readonly firewall: FirewallConfig;
  readonly startIfStopped: boolean;
  readonly gitHubToken: string | undefined;
  /** Time limit of the run in milliseconds. */
  readonly timeoutMs: number;
}

/** `mode: ensure` creates what is missing. */
export interface EnsureConfig extends CommonConfig {
  readonly mode: 'ensure';
  readonly administrator: Credentials;
  readonly pullRequest: PullRequestConfig | undefined;
  readonly database: DatabaseConfig;
  readonly appRole: AppRoleConfig | undefined;
  /** Whether the application role gets what the administrator owns in the database. */
  readonly adoptObjects: boolean;
  readonly extensions: readonly string[];
  readonly publish: PublishConfig;
  readonly migration: MigrationConfig | undefined;
  readonly comment: boolean;
  readonly onDrift: 'warn' | 'fix';
  /** The repository whose run creates the server; its id is empty outside a workflow. */
  readonly repository: RepositoryConfig;
  /** See {@link CheckConfig}. */
  readonly driftReportPaths: readonly string[];
  readonly configSource: ConfigFileSource | undefined;
}

/** `mode: check` only reads. */
export interface CheckConfig extends CommonConfig {
  readonly mode: 'check';
  readonly pullRequest: PullRequestConfig | undefined;
  readonly database: DatabaseConfig | undefined;
  readonly appRole: RoleConfig | undefined;
  /** See {@link EnsureConfig}. */
  readonly adoptObjects: boolean;
  readonly extensions: readonly string[];
  readonly onDrift: 'warn' | 'fail';
  /** Files to write, relative to the workspace; their names end in `.json` or `.sarif`. */
  readonly driftReportPaths: readonly string[];
  readonly driftIssue: boolean;
  /** The repository of the runs and of the drift issue; its id is empty if it is unknown. */
  readonly repository: RepositoryConfig;
  /** Lines of the inputs, for annotations; undefined without a config-file. */
  readonly configSource: ConfigFileSource | undefined;
}

/** The lines of a config-file that set inputs. */
export interface ConfigFileSource {
  /** As the input `config-file` names it. */
  readonly path: string;
  /** Line of each input, and of each item as `input.item`. The first line is 1. */
  readonly lines: ReadonlyMap<string, number>;
}

/** `mode: drop` deletes the database and the roles of a pull request. */
export interface DropConfig extends CommonConfig {
  readonly mode: 'drop';
  readonly administrator: Credentials;
  readonly pullRequest: PullRequestConfig;
  readonly database: DatabaseConfig;
  readonly appRole: RoleConfig | undefined;
  readonly comment: boolean;
  readonly dryRun: boolean;
}

/** `mode: sweep` drops what has expired or belongs to closed pull requests. */
export interface SweepConfig extends CommonConfig {
  readonly mode: 'sweep';
  readonly administrator: Credentials;
  /** Only what the ownership markers of this repository name is dropped. */
  readonly repository: RepositoryConfig;
  /** Age in milliseconds from which rules of `keep-firewall-rule` are deleted; undefined: they stay. */
  readonly keptRulesOlderThanMs: number | undefined;
  readonly comment: boolean;
  readonly dryRun: boolean;
}

export type CloudName = 'AzureCloud' | 'AzureUSGovernment' | 'AzureChinaCloud';

/** How the action signs in to Azure. `ambient`: the runner's managed identity, else the session of the az CLI. */
export type AuthMethod = 'client-secret' | 'oidc' | 'ambient';

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
  /** According to the event, which can be outdated in a re-run; undefined if the event does not contain it. */
  readonly state: 'open' | 'closed' | undefined;
}

export interface ServerConfig extends ServerPropertyValues {
  /** The short name, or an IPv4 address if the server can only be found by its host. */
  readonly name: string;
  readonly isNameIpAddress: boolean;
  readonly resourceGroup: string | undefined;
  /** Server parameters by name. */
  readonly parameters: ReadonlyMap<string, string>;
}

export interface FirewallConfig {
  readonly runnerIp: string | undefined;
  readonly keepRule: boolean;
  readonly declaredRules: readonly DeclaredRule[];
}

/** A declared firewall rule. Without an explicit name, an existing rule of any name with the same range satisfies it. */
export interface DeclaredRule extends AddressRange {
  readonly name: string;
  readonly hasExplicitName: boolean;
}

export interface DatabaseConfig {
  /** Name on the server; for a pull request, with its number. */
  readonly name: string;
  /** The input `database`. */
  readonly base: string;
  /** Undefined if the input is not set: then it gets a default on creation and is never compared. */
  readonly charset: string | undefined;
  readonly collation: string | undefined;
  /** The database to clone, with its character set and collation. */
  readonly template: string | undefined;
  /** The ownership marker of a pull request's database; a base database has none. */
  readonly marker: DatabaseMarker | undefined;
  /** Whether it is dropped and re-created. */
  readonly reset: boolean;
  /** Milliseconds after the last `ensure` until `sweep` may drop it. */
  readonly expiresInMs: number | undefined;
}

/** The application role. The administrator owns the database, and this role owns the objects in it. */
export interface RoleConfig {
  readonly name: string;
  /** The input `app-username`. */
  readonly base: string;
  readonly marker: RoleMarker;
}

export interface AppRoleConfig extends RoleConfig {
  /** The password, or the hexadecimal key that it is derived from. */
  readonly secret: { readonly password: string } | { readonly key: string };
}

export type ConnectionFormat = 'url' | 'pg' | 'jdbc' | 'ado.net' | 'asyncpg';

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
  /** In milliseconds; undefined for the time limit of the run. */
  readonly timeoutMs: number | undefined;
  /** The role whose connection the command gets. */
  readonly runAs: 'app' | 'admin';
}

import { storageSizes } from './rules.ts';

/** What an input takes. Readers, config-file and its schema go by the same. */
export type Kind =
  /** `form` is an ECMAScript pattern that the whole text has, where a simple one says no less than the parser. */
  | { readonly takes: 'text'; readonly form?: string }
  | { readonly takes: 'boolean' }
  /** `Enabled` or `Disabled`, as Azure and the az CLI say, or a boolean. */
  | { readonly takes: 'switch' }
  | { readonly takes: 'choice'; readonly choices: readonly string[] }
  | {
      readonly takes: 'number';
      readonly least: number;
      readonly most: number;
      readonly fraction?: true;
      readonly sizes?: readonly number[];
    }
  | { readonly takes: 'list'; readonly form?: string; readonly choices?: readonly string[] }
  /** A list whose items may have names. */
  | { readonly takes: 'ranges' }
  | { readonly takes: 'pairs' };

const text = { takes: 'text' } as const;
const boolean = { takes: 'boolean' } as const;
const onOff = { takes: 'switch' } as const;
const pairs = { takes: 'pairs' } as const;

function textOf<F extends string>(form: F): { readonly takes: 'text'; readonly form: F } {
  return { takes: 'text', form };
}

function oneOf<const C extends readonly string[]>(
  ...choices: C
): { readonly takes: 'choice'; readonly choices: C } {
  return { takes: 'choice', choices };
}

const whole = (least: number, most: number) => ({ takes: 'number', least, most }) as const;
const minutes = (least: number) => ({ takes: 'number', least, most: 360, fraction: true }) as const;

const guid = textOf('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$');

/** Every input that a config-file may hold: all but the secrets, and `config-file` itself. */
export const kinds = {
  mode: oneOf('ensure', 'check', 'drop', 'sweep'),
  'client-id': guid,
  'tenant-id': guid,
  'subscription-id': guid,
  'azure-environment': oneOf('AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'),
  'server-name': text,
  'resource-group': text,
  region: text,
  'admin-username': text,
  'postgres-version': oneOf('18', '17', '16', '15', '14', '13', '12', '11'),
  'sku-name': textOf('^[Ss]tandard_[BDEbde][0-9].*$'),
  'storage-size-gb': { ...whole(1, 65536), sizes: storageSizes },
  'storage-auto-grow': boolean,
  'backup-retention-days': whole(7, 35),
  'geo-redundant-backup': boolean,
  'high-availability': oneOf('Disabled', 'SameZone', 'ZoneRedundant'),
  'availability-zone': oneOf('1', '2', '3'),
  'password-auth': onOff,
  'microsoft-entra-auth': onOff,
  'public-access': onOff,
  // The service checks for 1 to 20 and is to go up to 32 (terraform-provider-azurerm #31315): no tighter than Azure.
  'cluster-size': whole(1, 32),
  'maintenance-window': textOf(
    '^(system-managed|Disabled|(Sun(day)?|Mon(day)?|Tue(sday)?|Wed(nesday)?|Thu(rsday)?|Fri(day)?|Sat(urday)?)[ :]([01]?[0-9]|2[0-3]):[0-5]?[0-9])$',
  ),
  tags: pairs,
  'server-parameters': pairs,
  'start-if-stopped': boolean,
  'runner-ip': text,
  'allowed-ip-ranges': { takes: 'ranges' },
  'allow-azure-services': boolean,
  'keep-firewall-rule': boolean,
  database: text,
  charset: text,
  collation: text,
  template: text,
  extensions: { takes: 'list', form: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$' },
  'per-pull-request': boolean,
  'pull-request-number': whole(1, 2_147_483_647),
  reset: boolean,
  'expires-in': textOf('^[1-9][0-9]{0,5} ?[smhdwSMHDW]$'),
  comment: boolean,
  'dry-run': boolean,
  'skip-without-credentials': boolean,
  'app-username': text,
  'export-env': boolean,
  'env-prefix': textOf('^[A-Za-z_][A-Za-z0-9_]*$'),
  'env-file': text,
  formats: { takes: 'list', choices: ['url', 'pg', 'jdbc', 'ado.net'] },
  'ssl-mode': oneOf('require', 'verify-full'),
  'migration-command': text,
  'working-directory': text,
  'migration-timeout-minutes': minutes(0.01),
  'migrate-as': oneOf('app', 'admin'),
  /** Over all modes; each takes two of them. */
  'on-drift': oneOf('warn', 'fix', 'fail'),
  'drift-report': { takes: 'list', form: '\\.([Jj][Ss][Oo][Nn]|[Ss][Aa][Rr][Ii][Ff])$' },
  'drift-issue': boolean,
  'timeout-minutes': minutes(0.05),
} as const satisfies Readonly<Record<string, Kind>>;

/** The kind of an input by its name; undefined for what a config-file cannot hold. */
export const kindOf = (name: string): Kind | undefined => known.get(name);

const known: ReadonlyMap<string, Kind> = new Map(Object.entries(kinds));

/** Inputs that hold secrets: read without trimming, masked, and never quoted in a message. */
export const secretInputs = [
  'admin-password',
  'client-secret',
  'app-password',
  'app-password-key',
  'github-token',
] as const;

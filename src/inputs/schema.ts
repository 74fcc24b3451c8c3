import { STORAGE_SIZES_GIB } from './validators.ts';

/** What an input takes. Readers, config-file and its schema go by the same. */
export type InputType =
  /** `pattern` is an ECMAScript pattern that the whole text has, where a simple one says no less than the parser. */
  | { readonly type: 'text'; readonly pattern?: string }
  | { readonly type: 'boolean' }
  /** `Enabled` or `Disabled`, as Azure and the az CLI say, or a boolean. */
  | { readonly type: 'switch' }
  | { readonly type: 'choice'; readonly choices: readonly string[] }
  | {
      readonly type: 'number';
      readonly min: number;
      readonly max: number;
      readonly allowsFraction?: true;
      readonly allowedValues?: readonly number[];
    }
  | { readonly type: 'list'; readonly form?: string; readonly choices?: readonly string[] }
  /** A list whose items may have names. */
  | { readonly type: 'ranges' }
  | { readonly type: 'pairs' };

const text = { type: 'text' } as const;
const boolean = { type: 'boolean' } as const;
const enabledOrDisabled = { type: 'switch' } as const;
const pairs = { type: 'pairs' } as const;

function textMatching<F extends string>(pattern: F): { readonly type: 'text'; readonly pattern: F } {
  return { type: 'text', pattern };
}

function oneOf<const C extends readonly string[]>(
  ...choices: C
): { readonly type: 'choice'; readonly choices: C } {
  return { type: 'choice', choices };
}

const wholeNumber = (min: number, max: number) => ({ type: 'number', min, max }) as const;
const minutes = (min: number) => ({ type: 'number', min, max: 360, allowsFraction: true }) as const;

const guid = textMatching('^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$');

/** Every input that a config-file may hold: all but the secrets, and `config-file` itself. */
export const inputSchema = {
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
  'sku-name': textMatching('^[Ss]tandard_[BDEbde][0-9].*$'),
  'storage-size-gb': { ...wholeNumber(1, 65536), allowedValues: STORAGE_SIZES_GIB },
  'storage-auto-grow': boolean,
  'backup-retention-days': wholeNumber(7, 35),
  'geo-redundant-backup': boolean,
  'high-availability': oneOf('Disabled', 'SameZone', 'ZoneRedundant'),
  'availability-zone': oneOf('1', '2', '3'),
  'password-auth': enabledOrDisabled,
  'microsoft-entra-auth': enabledOrDisabled,
  'public-access': enabledOrDisabled,
  // The service checks for 1 to 20 and is to go up to 32 (terraform-provider-azurerm #31315): no tighter than Azure.
  'cluster-size': wholeNumber(1, 32),
  'maintenance-window': textMatching(
    '^(system-managed|Disabled|(Sun(day)?|Mon(day)?|Tue(sday)?|Wed(nesday)?|Thu(rsday)?|Fri(day)?|Sat(urday)?)[ :]([01]?[0-9]|2[0-3]):[0-5]?[0-9])$',
  ),
  tags: pairs,
  'server-parameters': pairs,
  'start-if-stopped': boolean,
  'runner-ip': text,
  'allowed-ip-ranges': { type: 'ranges' },
  'allow-azure-services': boolean,
  'keep-firewall-rule': boolean,
  database: text,
  charset: text,
  collation: text,
  template: text,
  extensions: { type: 'list', form: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$' },
  'per-pull-request': boolean,
  'pull-request-number': wholeNumber(1, 2_147_483_647),
  reset: boolean,
  'expires-in': textMatching('^[1-9][0-9]{0,5} ?[smhdwSMHDW]$'),
  comment: boolean,
  'dry-run': boolean,
  'skip-without-credentials': boolean,
  'app-username': text,
  'export-env': boolean,
  'env-prefix': textMatching('^[A-Za-z_][A-Za-z0-9_]*$'),
  'env-file': text,
  formats: { type: 'list', choices: ['url', 'pg', 'jdbc', 'ado.net'] },
  'ssl-mode': oneOf('require', 'verify-full'),
  'migration-command': text,
  'working-directory': text,
  'migration-timeout-minutes': minutes(0.01),
  'migrate-as': oneOf('app', 'admin'),
  /** Over all modes; each takes two of them. */
  'on-drift': oneOf('warn', 'fix', 'fail'),
  'drift-report': { type: 'list', form: '\\.([Jj][Ss][Oo][Nn]|[Ss][Aa][Rr][Ii][Ff])$' },
  'drift-issue': boolean,
  'timeout-minutes': minutes(0.05),
} as const satisfies Readonly<Record<string, InputType>>;

/** The kind of an input by its name; undefined for what a config-file cannot hold. */
export const getInputType = (name: string): InputType | undefined => inputTypeByName.get(name);

const inputTypeByName: ReadonlyMap<string, InputType> = new Map(Object.entries(inputSchema));

/** Inputs that hold secrets: read without trimming, masked, and never quoted in a message. */
export const secretInputs = [
  'admin-password',
  'client-secret',
  'app-password',
  'app-password-key',
  'github-token',
] as const;

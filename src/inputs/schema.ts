import { validatePublicAddress } from '../common/addresses.ts';
import {
  boolean,
  choice,
  duration,
  type InputType,
  integer,
  minutes,
  text,
  validText,
} from './input-types.ts';
import { serverPropertyInputs } from './server-properties.ts';
import * as validators from './validators.ts';

const guid = validText(validators.validateGuid, '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$');

/**
 * Every input that a config-file can set: all except the secrets and `config-file` itself. None has a default here:
 * the parser of its subject in `parse/` sets it.
 */
export const inputSchema = {
  mode: choice('ensure', 'check', 'drop', 'sweep'),
  'client-id': guid,
  'tenant-id': guid,
  'subscription-id': guid,
  'azure-environment': choice('AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'),
  'server-name': text,
  'resource-group': validText(validators.validateResourceGroupName),
  'admin-username': text,
  ...serverPropertyInputs,
  'server-parameters': { type: 'pairs', validate: validators.validateServerParameters },
  'start-if-stopped': boolean,
  'runner-ip': validText((address) => {
    const reason = validatePublicAddress(address);
    return reason && `cannot be used: ${reason}`;
  }),
  'allowed-ip-ranges': { type: 'ranges' },
  'allow-azure-services': boolean,
  'keep-firewall-rule': boolean,
  'kept-rules-older-than': duration,
  database: validText(validators.validateDatabaseName),
  charset: validText(validators.validateCharset),
  collation: validText(validators.validateCollation),
  template: validText(validators.validateTemplateName),
  extensions: {
    type: 'list',
    pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$',
    validate: validators.validateExtensionName,
  },
  'per-pull-request': boolean,
  'pull-request-number': integer(1, 2_147_483_647),
  reset: boolean,
  'expires-in': duration,
  comment: boolean,
  'dry-run': boolean,
  'skip-without-credentials': boolean,
  'app-username': validText(validators.validateRoleName),
  'adopt-objects': boolean,
  'export-env': boolean,
  'env-prefix': validText(validators.validateEnvPrefix, '^[A-Za-z_][A-Za-z0-9_]*$'),
  'env-file': text,
  formats: { type: 'list', choices: ['url', 'pg', 'jdbc', 'ado.net', 'asyncpg'] },
  'ssl-mode': choice('require', 'verify-full'),
  'migration-command': text,
  'working-directory': text,
  'migration-timeout-minutes': minutes(0.01),
  'migrate-as': choice('app', 'admin'),
  /** A value for each mode: `fix` belongs to `ensure`, `fail` to `check`, and `warn` to both. */
  'on-drift': { type: 'list', choices: ['warn', 'fix', 'fail'] },
  'drift-report': {
    type: 'list',
    pattern: '\\.([Jj][Ss][Oo][Nn]|[Ss][Aa][Rr][Ii][Ff])$',
    validate: validators.validateReportPath,
  },
  'drift-issue': boolean,
  'timeout-minutes': minutes(0.05),
} as const satisfies Readonly<Record<string, InputType>>;

export type InputName = keyof typeof inputSchema;

const inputTypeByName: ReadonlyMap<string, InputType> = new Map(Object.entries(inputSchema));

/** The type of an input; undefined if a config-file cannot set it. */
export const getInputType = (name: string): InputType | undefined => inputTypeByName.get(name);

/** Inputs that hold secrets. They are read without trimming, masked, and never quoted in a message. */
export const secretInputs = [
  'admin-password',
  'client-secret',
  'app-password',
  'app-password-key',
  'github-token',
] as const;

/** The modes of the action. */
export const modes = inputSchema.mode.choices;

type Mode = (typeof modes)[number];

/**
 * The inputs that not every mode uses, by the modes that use them. The other modes validate them, because steps can share a
 * config-file, and then ignore them or reject them.
 */
const INPUTS_BY_MODES: readonly (readonly [modes: readonly Mode[], inputs: readonly string[]])[] = [
  [
    ['ensure', 'check'],
    [
      ...Object.keys(serverPropertyInputs),
      ...['server-parameters', 'charset', 'collation', 'template', 'extensions', 'adopt-objects'],
      ...['per-pull-request', 'on-drift', 'drift-report'],
    ],
  ],
  [
    ['ensure', 'check', 'drop'],
    ['database', 'app-username', 'pull-request-number'],
  ],
  [
    ['ensure', 'check', 'sweep'],
    ['allowed-ip-ranges', 'allow-azure-services'],
  ],
  [
    ['ensure', 'drop', 'sweep'],
    ['runner-ip', 'comment'],
  ],
  [
    ['ensure'],
    [
      ...['export-env', 'env-prefix', 'env-file', 'formats', 'ssl-mode', 'app-password', 'app-password-key'],
      ...['reset', 'expires-in'],
      ...['migration-command', 'working-directory', 'migration-timeout-minutes', 'migrate-as'],
    ],
  ],
  [['check'], ['drift-issue']],
  [['drop', 'sweep'], ['dry-run']],
  [['sweep'], ['kept-rules-older-than']],
];

/** The modes that use an input. */
export const modesOfInput = (name: string): readonly Mode[] =>
  INPUTS_BY_MODES.find(([, inputs]) => inputs.includes(name))?.[0] ?? modes;

export type SecretInputName = (typeof secretInputs)[number];

import { isIPv4 } from '../../common/addresses.ts';
import { HOST_SUFFIXES } from '../defaults.ts';
import type { InputReader } from '../input-reader.ts';
import { type ServerPropertyValues, serverPropertyEntries } from '../server-properties.ts';
import type { Config, ServerConfig } from '../types.ts';
import { validateServerName } from '../validators.ts';

const UNDECLARED_PROPERTIES = Object.fromEntries(
  serverPropertyEntries.map(([key, { type }]) => [key, type.type === 'pairs' ? new Map() : undefined]),
) as unknown as ServerPropertyValues;

/** The inputs about the server. */
export function parseServer(inputs: InputReader, mode: Config['mode']): ServerConfig {
  const name = parseServerName(inputs);
  // An address can be the host of a server that has another name, which only ARM knows.
  const isNameIpAddress = isIPv4(name);
  if (!isNameIpAddress) inputs.validate('server-name', name, validateServerName);
  const properties = Object.fromEntries(
    serverPropertyEntries.map(([key, { input }]) => [key, inputs.get(input)]),
  ) as ServerPropertyValues;
  validatePasswordAuth(inputs, properties, mode);
  const parameters = inputs.get('server-parameters');
  const ref = { name, isNameIpAddress, resourceGroup: inputs.get('resource-group') };
  // The other modes neither compare the server nor change it.
  return mode === 'ensure' || mode === 'check'
    ? { ...properties, ...ref, parameters }
    : { ...UNDECLARED_PROPERTIES, ...ref, parameters: new Map() };
}

/** The short name of a server that is given by that or by its host name. */
function parseServerName(inputs: InputReader): string {
  const given = inputs
    .required('server-name', 'the short name of the server, or its full host name')
    .toLowerCase();
  const [cloud, suffix] = Object.entries(HOST_SUFFIXES).find(([, end]) => given.endsWith(end)) ?? [];
  if (cloud === undefined || suffix === undefined) return given;
  if (cloud !== (inputs.get('azure-environment') ?? 'AzureCloud'))
    inputs.addError(`server-name is a host of ${cloud}, but azure-environment is another cloud`);
  return given.slice(0, -suffix.length);
}

/** All modes except `check` connect to the database as the administrator, with a password. */
function validatePasswordAuth(
  inputs: InputReader,
  { passwordAuth, entraAuth }: ServerPropertyValues,
  mode: Config['mode'],
): void {
  if (passwordAuth !== false) return;
  if (mode !== 'check')
    inputs.addError(
      `password-auth is Disabled, but mode ${mode} logs in with admin-password: only mode check can declare it`,
    );
  if (entraAuth === false)
    inputs.addError(
      'password-auth and microsoft-entra-auth are both Disabled, so no login is possible: enable one of them',
    );
}

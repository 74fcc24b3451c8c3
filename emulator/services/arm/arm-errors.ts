import { randomUUID } from 'node:crypto';
import type { HttpResponse } from '../../core/http-types.ts';
import type { Permission } from './access-control.ts';

/** An immediate error of Azure Resource Manager or the PostgreSQL resource provider: `{error:{code,message}}`. */
export class ArmError extends Error {
  override readonly name = 'ArmError';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly details: readonly object[] | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    options: { headers?: Readonly<Record<string, string>>; details?: readonly object[] } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
    this.details = options.details;
  }

  toResponse(): HttpResponse {
    const { status, headers, code, message, details } = this;
    return { status, headers, body: { error: { code, message, ...(details ? { details } : {}) } } };
  }
}

/** The error of an accepted operation that failed. A poll reports it with the status `Failed`. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const GATEWAY_HEADERS = { 'X-Ms-Failure-Cause': 'gateway' };
const PROVIDER_NAMESPACE = 'Microsoft.DBforPostgreSQL';

function internalErrorMessage(): string {
  // "occured" is the spelling of the service.
  return `An unexpected error occured while processing the request. Tracking ID: '${randomUUID()}'`;
}

/** Errors of ARM itself, before the resource provider gets the request. See docs/azure-behavior.md#error-codes. */
export const gatewayErrors = {
  authenticationFailed: (message: string, headers: Record<string, string>) =>
    new ArmError(401, 'AuthenticationFailed', message, { headers: { ...GATEWAY_HEADERS, ...headers } }),
  invalidToken: (code: string, message: string, headers: Record<string, string>) =>
    new ArmError(401, code, message, { headers: { ...GATEWAY_HEADERS, ...headers } }),
  authorizationFailed: (clientId: string, objectId: string, { action, scope }: Permission) =>
    new ArmError(
      403,
      'AuthorizationFailed',
      `The client '${clientId}' with object id '${objectId}' does not have authorization to perform action ` +
        `'${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh ` +
        'your credentials.',
      { headers: GATEWAY_HEADERS },
    ),
  subscriptionNotFound: (id: string) =>
    new ArmError(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`, {
      headers: GATEWAY_HEADERS,
    }),
  resourceGroupNotFound: (name: string) =>
    new ArmError(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`, {
      headers: GATEWAY_HEADERS,
    }),
  resourceGroupBeingDeleted: (name: string) =>
    new ArmError(
      409,
      'ResourceGroupBeingDeleted',
      `The resource group '${name}' is in deprovisioning state and cannot perform this operation.`,
      { headers: GATEWAY_HEADERS },
    ),
  serverNotFound: (name: string, group: string) =>
    new ArmError(
      404,
      'ResourceNotFound',
      `The Resource '${PROVIDER_NAMESPACE}/flexibleServers/${name}' under resource group '${group}' was not found. ` +
        'For more details please go to https://aka.ms/ARMResourceNotFoundFix',
      { headers: GATEWAY_HEADERS },
    ),
  missingApiVersion: () =>
    new ArmError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
      { headers: GATEWAY_HEADERS },
    ),
  invalidApiVersion: (version: string, supported: readonly string[]) =>
    new ArmError(
      400,
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are '${supported.join(',')}'.`,
      { headers: GATEWAY_HEADERS },
    ),
  noRegisteredProvider: (type: string, version: string, supported: readonly string[]) =>
    new ArmError(
      400,
      'NoRegisteredProviderFound',
      `No registered resource provider found for location '' and API version '${version}' for type '${type}'. ` +
        `The supported api-versions are '${supported.join(', ')}'.`,
      { headers: GATEWAY_HEADERS },
    ),
  invalidResourceType: (type: string, namespace: string, version: string) =>
    new ArmError(
      404,
      'InvalidResourceType',
      `The resource type '${type}' could not be found in the namespace '${namespace}' for api version '${version}'. ` +
        "The supported api-versions are ''.",
      { headers: GATEWAY_HEADERS },
    ),
  invalidNamespace: (namespace: string) =>
    new ArmError(404, 'InvalidResourceNamespace', `The resource namespace '${namespace}' is invalid.`, {
      headers: GATEWAY_HEADERS,
    }),
  pathNotFound: () =>
    new ArmError(404, 'NotFound', 'No HTTP resource was found that matches the request URI.', {
      headers: GATEWAY_HEADERS,
    }),
  methodNotAllowed: (method: string) =>
    new ArmError(405, 'MethodNotAllowed', `The requested resource does not support http method '${method}'.`),
  invalidContent: (reason: string) =>
    new ArmError(
      400,
      'InvalidRequestContent',
      `The request content was invalid and could not be deserialized: '${reason}'.`,
      { headers: GATEWAY_HEADERS },
    ),
  tooManyTags: (count: number, maximum: number) =>
    new ArmError(
      400,
      'TagsLimitExceeded',
      `The resource has ${count} tags. A resource can have at most ${maximum} tags.`,
      { headers: GATEWAY_HEADERS },
    ),
  invalidTagCharacters: (name: string) =>
    new ArmError(
      400,
      'InvalidTagNameCharacters',
      `The tag name '${name}' has reserved characters '<,>,%,&,\\,?,/' or control characters.`,
      { headers: GATEWAY_HEADERS },
    ),
  invalidTagName: (name: string, maximum: number) =>
    new ArmError(
      400,
      'InvalidTagName',
      `The tag name '${name}' must have 1 to ${maximum} characters and must not start with 'microsoft', 'azure' or 'windows'.`,
      { headers: GATEWAY_HEADERS },
    ),
  invalidTagValue: (name: string, maximum: number) =>
    new ArmError(
      400,
      'InvalidTagValueLength',
      `The value of the tag '${name}' has more than ${maximum} characters.`,
      { headers: GATEWAY_HEADERS },
    ),
  locationRequired: () =>
    new ArmError(400, 'LocationRequired', 'The location property is required for this definition.', {
      headers: GATEWAY_HEADERS,
    }),
  locationNotAvailable: (location: string, type: string, regions: readonly string[]) =>
    new ArmError(
      400,
      'LocationNotAvailableForResourceType',
      `The provided location '${location}' is not available for resource type '${type}'. ` +
        `List of available regions for the resource type is '${regions.join(',')}'.`,
      { headers: GATEWAY_HEADERS },
    ),
  invalidResourceLocation: (name: string, existing: string, group: string, requested: string) =>
    new ArmError(
      409,
      'InvalidResourceLocation',
      `The resource '${name}' already exists in location '${existing}' in resource group '${group}'. ` +
        `A resource with the same name cannot be created in location '${requested}'. Please select a new resource name.`,
      { headers: GATEWAY_HEADERS },
    ),
  throttled: (kind: string, subscription: string, actor: string, seconds: number, retryAfter: string) =>
    new ArmError(
      429,
      'SubscriptionRequestsThrottled',
      `Number of '${kind}' requests for subscription '${subscription}' actor '${actor}' exceeded. ` +
        `Please try again after '${seconds}' seconds.`,
      { headers: { ...GATEWAY_HEADERS, 'Retry-After': retryAfter } },
    ),
} as const;

/** Immediate errors of the PostgreSQL resource provider. See docs/azure-behavior.md#error-codes. */
export const providerErrors = {
  childNotFound: (type: string, name: string) =>
    new ArmError(
      404,
      'ResourceNotFound',
      `The requested resource of type '${PROVIDER_NAMESPACE}/flexibleServers/${type}' with name '${name}' was not found.`,
    ),
  internal: () => new ArmError(500, 'InternalServerError', internalErrorMessage()),
  /** The code is recorded, the message is inferred. */
  serverStopped: (name: string) =>
    new ArmError(
      400,
      'ServerStoppedError',
      `The server '${name}' is stopped. Start the server and try again.`,
    ),
  /** The empty code is documented, the status is inferred. */
  passwordWhileBusy: (name: string) =>
    new ArmError(409, '', `Server ${name} is busy with other operations. Please try later`),
  serverIsNotReady: (name: string, state: string) =>
    new ArmError(
      409,
      'ServerIsNotReady',
      'Restart or Stop Server can only be performed on Started servers. ' +
        `Server Name = ${name}, Current Server State = ${state}`,
    ),
  serverIsNotStopped: (name: string, state: string) =>
    new ArmError(
      409,
      'ServerIsNotStopped',
      `Start Server can only be performed on Stopped servers. Server Name = ${name}, Current Server State = ${state}`,
    ),
  startWhileBusy: (name: string) =>
    new ArmError(
      409,
      // The missing "r" is the spelling of the service.
      'SeverBusyWithOtherOperation',
      `Cannot perform 'Start' server operation because server '${name}' is busy processing other operation.`,
    ),
  /** The code is inferred. */
  privateAccess: () =>
    new ArmError(
      400,
      'FirewallRuleOperationNotSupported',
      'Firewall rule operations cannot be requested for a private access enabled server.',
    ),
  /** Public access and a delegated subnet exclude each other (claranet/terraform-azurerm-db-postgresql-flexible#7). */
  conflictingNetwork: () =>
    new ArmError(
      400,
      'ConflictingPublicNetworkAccessAndVirtualNetworkConfiguration',
      'Conflicting configuration is detected between Public Network Access and Virtual Network arguments. ' +
        'Public Network Access is not supported along with Virtual Network feature.',
    ),
  /** The code is documented, the message is inferred. */
  credentialsNotProvided: () =>
    new ArmError(
      400,
      'EngineCredentialsNotProvided',
      'Administrator login and password must be provided when password authentication is enabled.',
    ),
  /** The code is inferred, the message is that of checkNameAvailability. */
  invalidServerName: () => new ArmError(400, 'InvalidServerName', INVALID_SERVER_NAME_MESSAGE),
  outOfRange: (parameter: string, allowed: readonly (string | number)[]) =>
    new ArmError(
      400,
      'ParameterOutOfRange',
      `The value of the '${parameter}' should be in: [${allowed.join(', ')}]. ` +
        'Verify that the specified parameter value is correct.',
    ),
  invalidValue: (parameter: string) =>
    new ArmError(
      400,
      'InvalidParameterValue',
      `Invalid value given for parameter ${parameter}. Specify a valid parameter value.`,
    ),
} as const;

/** Errors of accepted operations. See docs/azure-behavior.md#error-codes. */
export const operationErrors = {
  serverIsBusy: (name: string) =>
    new OperationError(
      'ServerIsBusy',
      `Cannot complete operation while server '${name}' is busy processing another operation. Try again later.`,
    ),
  serverIsNotReady: (name: string, state: string) =>
    new OperationError(
      'ServerIsNotReady',
      'Restart or Stop Server can only be performed on Started servers. ' +
        // "Sever" is the spelling of the service in a failed poll.
        `Sever Name = ${name}, Current Server State = ${state}`,
    ),
  nameAlreadyExists: () => new OperationError('ServerNameAlreadyExists', SERVER_NAME_TAKEN_MESSAGE),
  dropping: () =>
    new OperationError(
      'ServerGroupDropping',
      'Operations on a server group in dropping state are not allowed.',
    ),
  internal: () => new OperationError('InternalServerError', internalErrorMessage()),
  unsupportedNodes: (size: number) =>
    new OperationError('UnsupportedValue', `Unsupported value ${size} for parameter NumberOfNodes`),
  clusterAutoGrow: () =>
    new OperationError('ClusterStorageAutoGrowIsDisabled', 'Cannot enable storage autogrow.'),
} as const;

export const INVALID_SERVER_NAME_MESSAGE =
  'Specified server name contains unsupported characters or is too long. Server name must be no longer than ' +
  "63 characters long, contain only lower-case characters or digits, cannot contain '.' or '_' characters and " +
  "can't start or end with '-' character.";

const SERVER_NAME_TAKEN_MESSAGE = 'Specified server name is already used by another server.';

import { gatewayErrors } from './arm-errors.ts';

/** The supported versions of Microsoft.DBforPostgreSQL/flexibleServers, oldest first. */
export const POSTGRES_API_VERSIONS = [
  '2021-06-01-preview',
  '2021-06-01',
  '2022-01-20-preview',
  '2022-03-08-preview',
  '2022-12-01',
  '2023-03-01-preview',
  '2023-06-01-preview',
  '2023-12-01-preview',
  '2024-03-01-preview',
  '2024-08-01',
  '2024-11-01-preview',
  '2025-01-01-preview',
  '2025-06-01-preview',
  '2025-08-01',
  // Used by the az CLI since about 2.84 (recordings of 2026).
  '2026-01-01-preview',
] as const;

/** The versions of Microsoft.Resources (groups, subscriptions, tenants, providers). */
export const RESOURCES_API_VERSIONS = [
  ...['2014-04-01', '2015-01-01', '2015-11-01', '2016-02-01', '2016-06-01', '2016-09-01', '2017-05-10'],
  ...['2018-01-01', '2018-02-01', '2018-05-01', '2019-03-01', '2019-05-01', '2019-05-10', '2019-06-01'],
  ...['2019-07-01', '2019-08-01', '2019-10-01', '2019-11-01', '2020-01-01', '2020-05-01', '2020-06-01'],
  ...['2020-08-01', '2020-10-01', '2021-01-01', '2021-04-01', '2022-01-01', '2022-05-01', '2022-06-01'],
  ...['2022-09-01', '2022-12-01', '2023-07-01', '2024-03-01', '2024-07-01', '2024-11-01', '2025-03-01'],
  '2025-04-01',
];

/** The versions of Microsoft.Authorization that clients of role definitions and role assignments use. */
const AUTHORIZATION_API_VERSIONS = [
  ...['2015-07-01', '2018-01-01-preview', '2018-05-01-preview', '2018-07-01', '2020-04-01-preview'],
  ...['2020-10-01', '2021-04-01-preview', '2022-04-01'],
];

/** The versions of Microsoft.ManagedIdentity; federated credentials exist since 2022-01-31-preview. */
const MANAGED_IDENTITY_API_VERSIONS = [
  ...[
    '2018-11-30',
    '2021-09-30-preview',
    '2022-01-31-preview',
    '2023-01-31',
    '2023-07-31-preview',
    '2024-11-30',
  ],
];

/** ARM's own resources, or those of a resource provider. */
export type ApiFamily = 'resources' | 'postgres' | 'authorization' | 'managedIdentity';

const PROVIDER_API_VERSIONS: Readonly<Record<Exclude<ApiFamily, 'resources'>, readonly string[]>> = {
  postgres: POSTGRES_API_VERSIONS,
  authorization: AUTHORIZATION_API_VERSIONS,
  managedIdentity: MANAGED_IDENTITY_API_VERSIONS,
};

/**
 * @throws {ArmError} for an unsupported version: 400 InvalidApiVersionParameter, or NoRegisteredProviderFound for a type
 * of the provider.
 */
export function checkApiVersion(version: string, family: ApiFamily, type: string): void {
  if (family === 'resources') {
    if (!RESOURCES_API_VERSIONS.includes(version)) {
      throw gatewayErrors.invalidApiVersion(version, RESOURCES_API_VERSIONS);
    }
    return;
  }
  const known = PROVIDER_API_VERSIONS[family];
  if (!known.includes(version)) throw gatewayErrors.noRegisteredProvider(type, version, known);
}

/** Compares the dates only: a preview counts as its date. */
export function isVersionAtLeast(version: string, minimum: string): boolean {
  return version.slice(0, 10) >= minimum.slice(0, 10);
}

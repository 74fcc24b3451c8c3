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

/** ARM's own resources, or those of the PostgreSQL provider. */
export type ApiFamily = 'resources' | 'postgres';

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
  const known: readonly string[] = POSTGRES_API_VERSIONS;
  if (!known.includes(version)) throw gatewayErrors.noRegisteredProvider(type, version, known);
}

/** Compares the dates only: a preview counts as its date. */
export function isVersionAtLeast(version: string, minimum: string): boolean {
  return version.slice(0, 10) >= minimum.slice(0, 10);
}

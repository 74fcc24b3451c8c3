/** Azure Resource Manager's names as a resource, in the three clouds; ARM takes a token for any of its own. */
export const ARM_AUDIENCES = [
  'https://management.azure.com',
  'https://management.core.windows.net',
  'https://management.usgovcloudapi.net',
  'https://management.core.usgovcloudapi.net',
  'https://management.chinacloudapi.cn',
  'https://management.core.chinacloudapi.cn',
];

/**
 * The audience of a token for this scope or resource. A resource that ends in a slash is asked for with two
 * (`https://management.core.windows.net//.default`) and keeps one in the token.
 * @returns undefined where it names no known resource.
 */
export function parseArmAudience(resource: string): string | undefined {
  return ARM_AUDIENCES.includes(resource.replace(/\/$/, '')) ? resource : undefined;
}

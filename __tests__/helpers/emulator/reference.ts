import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Reference data that is not part of the project: read in place, and its tests are skipped where it is absent.
const folder = new URL('../../../../shared/azure/', import.meta.url);

/** Whether the reference data is here; where it is not, says so. */
export function hasReference(name: string): boolean {
  const path = fileURLToPath(new URL(name, folder));
  if (existsSync(path)) return true;
  console.warn(`Skipped: ${name} of the Azure reference data is not on this machine.`);
  return false;
}

/** A file of the reference data as JSON. */
export function reference(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
}

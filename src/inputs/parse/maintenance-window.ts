import type { MaintenanceWindow } from '../types.ts';

const DAY_NAMES = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/**
 * A maintenance window as people write it, in UTC: `Sun 03:30`, `Sunday 3:30`, the az CLI's `Sun:3:30`, in any case; or
 * `system-managed`, for which the az CLI says `Disabled`.
 * @returns undefined where it is none of these
 */
export function parseMaintenanceWindow(text: string): MaintenanceWindow | 'system-managed' | undefined {
  if (/^(system-managed|disabled)$/i.test(text)) return 'system-managed';
  const [, day = '', hour, minute] = /^([a-z]+)(?: +|:)(\d{1,2}):(\d{1,2})$/i.exec(text) ?? [];
  const dayName = day.toLowerCase();
  const dayOfWeek = DAY_NAMES.findIndex(
    (candidate) => candidate === dayName || candidate.slice(0, 3) === dayName,
  );
  const [startHour, startMinute] = [Number(hour), Number(minute)];
  return dayOfWeek >= 0 && startHour < 24 && startMinute < 60
    ? { dayOfWeek, startHour, startMinute }
    : undefined;
}

/**
 * Milliseconds until the time that a `Retry-After` header gives, as seconds or as a date (RFC 9110, section 10.2.3);
 * negative for a date in the past.
 * @param nowMs current time of the server; the runner's clock may differ
 * @returns undefined if the header is missing or has neither form
 */
export function parseRetryAfter(header: string | null | undefined, nowMs = Date.now()): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  // Date.parse also takes texts such as "in 5 minutes" for a date.
  const date = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : date - nowMs;
}

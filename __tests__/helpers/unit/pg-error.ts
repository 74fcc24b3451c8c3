import { DatabaseError } from 'pg';

/** An error response of PostgreSQL as the client throws it. */
export function createPgError(
  code: string,
  message = 'permission denied',
  detail?: string,
  fields: Readonly<Partial<Pick<DatabaseError, 'hint' | 'routine' | 'severity'>>> = {},
): DatabaseError {
  const error = new DatabaseError(message, message.length, 'error');
  error.severity = 'FATAL';
  error.code = code;
  if (detail !== undefined) error.detail = detail;
  return Object.assign(error, fields);
}

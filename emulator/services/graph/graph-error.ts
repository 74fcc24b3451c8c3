import { randomUUID } from 'node:crypto';
import type { HttpResponse } from '../../core/http-types.ts';

/** An error of Microsoft Graph. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  static notFound(id: string): GraphError {
    return new GraphError(
      404,
      'Request_ResourceNotFound',
      `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
    );
  }

  toResponse(): HttpResponse {
    const { code, message, status } = this;
    const id = randomUUID();
    return {
      status,
      body: { error: { code, message, innerError: { date: new Date().toISOString(), 'request-id': id } } },
    };
  }
}

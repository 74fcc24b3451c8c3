import { createHttpHeaders, createPipelineRequest, RestError } from '@azure/core-rest-pipeline';

/** The error that the SDK throws for an error response of ARM. */
export function createArmError(status: number, error?: { code?: string; message?: string }): RestError {
  const request = createPipelineRequest({ url: 'https://management.azure.com/x' });
  const headers = createHttpHeaders({
    'x-ms-correlation-request-id': 'c0ffee00-0000-4000-8000-000000000001',
  });
  const thrown = new RestError(error?.message ?? 'Unexpected status', {
    ...(error?.code === undefined ? {} : { code: error.code }),
    statusCode: status,
    request,
    response: { request, headers, status },
  });
  thrown.details = error === undefined ? undefined : { error };
  return thrown;
}

import { registerHooks } from 'node:module';

// The parser imports its schemas without the attribute that Node asks of JSON modules, so it is added here.
registerHooks({
  load: (url, context, nextLoad) =>
    nextLoad(
      url,
      url.endsWith('.min.json')
        ? { ...context, importAttributes: { ...context.importAttributes, type: 'json' } }
        : context,
    ),
});

export const { convertWorkflowTemplate, isBasicExpression, isMapping, isScalar, isSequence, isString } =
  await import('@actions/workflow-parser');
export const { NoOperationTraceWriter, parseWorkflow } = await import('@actions/workflow-parser');
export const { parseAction } = await import('@actions/workflow-parser/actions/action-parser');
export const { convertActionTemplate } = await import('@actions/workflow-parser/actions/action-template');

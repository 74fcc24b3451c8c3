import { registerHooks } from 'node:module';

/** A piece of a workflow or of an action.yml as the parser reads it: a scalar, an expression, a sequence or a mapping. */
export type { TemplateToken as Token } from '@actions/workflow-parser/templates/tokens/template-token';

// The parser imports its JSON schemas without the import attribute that Node requires.
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

import { getInputType, secretInputs } from '../../src/inputs/schema.ts';
import { code } from './markdown.ts';

const isInput = (name: string): boolean =>
  getInputType(name) !== undefined ||
  name === 'config-file' ||
  secretInputs.some((secret) => secret === name);

/**
 * Formats the names of inputs that are more than one word, which the descriptions write without backticks. Text in
 * backticks stays as it is.
 */
export const markNames = (text: string): string =>
  text.replaceAll(/`[^`]*`|(?<![\w./#-])[a-z]+(?:-[a-z]+)+(?![\w-])/g, (match) =>
    isInput(match) ? code(match) : match,
  );

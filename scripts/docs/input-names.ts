import { getInputType, secretInputs } from '../../src/inputs/schema.ts';
import { code } from './markdown.ts';

/** Formats the names of inputs that are more than one word, which the descriptions write without backticks. */
export const markNames = (text: string): string =>
  text.replaceAll(/(?<![`\w./#-])[a-z]+(?:-[a-z]+)+(?![`\w-])/g, (name) =>
    getInputType(name) !== undefined ||
    secretInputs.some((secret) => secret === name) ||
    name === 'config-file'
      ? code(name)
      : name,
  );

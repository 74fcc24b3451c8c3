import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Document, Located, Problem } from '../../document.ts';
import { repositoryRoot } from '../../root.ts';

function externalLinkProblem(target: string): string | undefined {
  if (!target.startsWith('https://'))
    return `The link ${target} is neither https nor relative. Use an https URL, or a path.`;
  return URL.canParse(target) ? undefined : `The URL ${target} is not valid.`;
}

/** Whether a target begins with a scheme, or with the two slashes of a URL without one. */
const isExternal = (target: string): boolean => /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(target);

function internalLinkProblem(
  document: Document,
  target: string,
  documents: ReadonlyMap<string, Document>,
): string | undefined {
  const [file = '', anchor] = decodeURI(target).split('#', 2);
  const folder = file.startsWith('/') ? '.' : dirname(document.path);
  const path = file === '' ? document.path : normalize(join(folder, file));
  if (path.startsWith('..'))
    return `The link ${target} leaves the repository. Link to a file in it, or to an https URL.`;
  const linked = path === document.path ? document : documents.get(path);
  if (linked === undefined && !existsSync(join(repositoryRoot, path)))
    return `The link ${target} has no file: ${path} does not exist. Create the file, or correct the path.`;
  if (anchor === undefined || linked === undefined || linked.anchors.has(anchor)) return undefined;
  const anchors = [...linked.anchors].map((each) => `#${each}`).join(' ');
  return `The link ${target} has no anchor: ${path} has no heading #${anchor}. Its anchors are: ${anchors}`;
}

/**
 * The links of a document that do not work: a file or an anchor in the repository that does not exist, or an external link
 * that is not https. External pages are not requested.
 * @param documents all documents by path, for anchors
 */
export function findLinkProblems(
  document: Document,
  documents: ReadonlyMap<string, Document>,
): readonly Problem[] {
  return document.links.flatMap(({ line, text: target }: Located) => {
    const text = isExternal(target)
      ? externalLinkProblem(target)
      : internalLinkProblem(document, target, documents);
    return text === undefined ? [] : [{ line, text }];
  });
}

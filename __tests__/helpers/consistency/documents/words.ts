import type { Document, Problem } from '../../document.ts';

/** Words that plain technical English does not need, and what to write instead. */
const WORDS: readonly (readonly [word: string, instead: string])[] = [
  ['shall', 'must, or the present tense'],
  ['lest', 'so that … not'],
  ['anew', 'again'],
  ['for ever', 'permanently'],
  ['by hand', 'manually'],
  ['doors?|houses?|rooms?|knock(?:s|ed|ing)?|tidings|witness(?:es|ed)?|story|stories', 'the technical term'],
];

/** Places of one machine, which no reader has. GitHub's own runner works in /home/runner. */
const MACHINE_PATH =
  /(?<![\w.~-])(?:\/(?:root|work|Users)\/|\/home\/(?!runner\b)\w|\/tmp\/\w+\/|file:\/\/|(?:\.\.\/){3})[\w./-]*/g;

/** Words that are forbidden, and paths of a machine, which also lead out of the repository. */
export function findWordProblems({ text }: Document): readonly Problem[] {
  return text.split('\n').flatMap((content, index) => {
    const words = WORDS.flatMap(([word, instead]) =>
      [...content.matchAll(new RegExp(`\\b(?:${word})\\b`, 'gi'))].map(
        ([found]) => `Replace the word "${found}" with ${instead}.`,
      ),
    );
    const paths = [...content.matchAll(MACHINE_PATH)].map(
      ([path]) => `The path ${path} is outside the repository. Use a path in it.`,
    );
    return [...words, ...paths].map((problem) => ({ line: index + 1, text: problem }));
  });
}

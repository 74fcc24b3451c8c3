/**
 * For output outside a runner, which would hide the values: drops each line that masks a value.
 * @param write gets complete lines
 * @returns a function for the chunks of the output, whose last line must be complete
 */
export function hideMasks(write: (text: string) => void): (chunk: string) => void {
  let remainder = '';
  return (chunk) => {
    const lines = (remainder + chunk).split(/(?<=\n)/);
    remainder = lines.at(-1)?.endsWith('\n') ? '' : (lines.pop() ?? '');
    write(lines.filter((line) => !line.startsWith('::add-mask::')).join(''));
  };
}

/** The only one of some things, such as the only desired thing of a kind. */
export function only<T>(things: readonly T[]): T {
  const [thing, ...more] = things;
  if (thing === undefined || more.length > 0) throw new Error(`there are ${things.length} of them`);
  return thing;
}

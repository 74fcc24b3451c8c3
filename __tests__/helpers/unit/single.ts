/** The only one of some things, such as the only desired thing of a kind. */
export function single<T>(items: readonly T[]): T {
  const [item, ...more] = items;
  if (item === undefined || more.length > 0) throw new Error(`there are ${items.length} of them`);
  return item;
}

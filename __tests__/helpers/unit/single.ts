/** Returns the only item of a list, such as the only desired resource of a type. */
export function single<T>(items: readonly T[]): T {
  const [item, ...more] = items;
  if (item === undefined || more.length > 0) throw new Error(`expected one item, got ${items.length}`);
  return item;
}

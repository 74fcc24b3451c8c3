/** A request with its arrival and its answer, in ISO 8601. */
export interface TimedRequest {
  readonly at: string;
  readonly answeredAt: string | null;
}

/**
 * How many requests had to wait for each other: the length of the longest chain in which each request arrives after the
 * answer of the one before. Requests without an answer do not count.
 */
export function countRounds(requests: readonly TimedRequest[]): number {
  const ended = requests
    .flatMap(({ at, answeredAt }) =>
      answeredAt === null ? [] : [{ start: Date.parse(at), end: Date.parse(answeredAt) }],
    )
    .sort((a, b) => a.end - b.end);
  let rounds = 0;
  let lastEnd = Number.NEGATIVE_INFINITY;
  // Of all requests that can be next in the chain, the one that ends first leaves the most time for the others.
  for (const { start, end } of ended) {
    if (start < lastEnd) continue;
    rounds += 1;
    lastEnd = end;
  }
  return rounds;
}

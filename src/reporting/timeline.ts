/** A stretch of a run; milliseconds since the epoch. */
export interface Phase {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly failed: boolean;
}

/** What a run spent its time on. */
export class Timeline {
  readonly phases: Phase[] = [];

  /** Runs a phase and remembers how long it took, also when it fails. */
  async measure<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = Date.now();
    let failed = true;
    try {
      const result = await work();
      failed = false;
      return result;
    } finally {
      this.phases.push({ name, start, end: Date.now(), failed });
    }
  }
}

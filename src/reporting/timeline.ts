/** A phase of a run; times in milliseconds since the epoch. */
export interface Phase {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly failed: boolean;
}

/** The phases of a run, in the order in which they ended. */
export class Timeline {
  readonly phases: Phase[] = [];

  /** Runs a phase and records its duration, even if it fails. */
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

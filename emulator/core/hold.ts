/** Something is held until a test releases it: before it takes effect, or only its answer. */
export interface Hold {
  readonly hold: 'request' | 'answer';
  /** To be called when it is being held. */
  readonly onHeld: () => void;
  /** Resolves when it may go on. */
  readonly released: Promise<void>;
}

/** Says that it is being held, and waits until it may go on. */
export function waitForRelease({ onHeld, released }: Hold): Promise<void> {
  onHeld();
  return released;
}

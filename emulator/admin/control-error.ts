/** A call that says something the emulator cannot do. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

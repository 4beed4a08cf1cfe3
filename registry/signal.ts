/** Tells listeners what happened. One that throws is reported, and the one who signals never notices. */
export class Signal<T> {
  readonly #listeners = new Set<(value: T) => void>()
  readonly #reportFault: (error: unknown) => void

  constructor(reportFault: (error: unknown) => void) {
    this.#reportFault = reportFault
  }

  /** @returns a function that takes the listener off again. */
  on(listener: (value: T) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  emit(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value)
      } catch (error) {
        this.#reportFault(error)
      }
    }
  }
}

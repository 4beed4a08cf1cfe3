/** Below this share of its core a broker was not measured, its neighbours were. */
export const LEAST_SHARE = 0.8

/** How often a repeat is tried before the run goes on without it. */
export const MOST_ATTEMPTS = 3

/** What was counted between the two ends of a measurement, in seconds. */
export interface CoreUse {
  readonly wall: number
  /** CPU time of all threads of the broker, which is pinned to one core. */
  readonly broker: number
  /** Time in which that core had nothing to run. */
  readonly idle: number
}

/**
 * The share of its core that was the broker's to have: what it used and what it left. The rest went to other processes
 * of that core, or to other guests of the machine. A broker that waits for its clients has all of its core all the same.
 */
export const coreShare = ({ wall, broker, idle }: CoreUse): number => Math.min(1, (broker + idle) / wall)

/** The first attempt in which the broker had its core, and how many were refused before. */
export async function fairly<T>(
  attempt: () => Promise<T>,
  useOf: (result: T) => CoreUse,
): Promise<{ result: T | undefined; refused: number }> {
  for (let refused = 0; refused < MOST_ATTEMPTS; refused++) {
    const result = await attempt()
    if (coreShare(useOf(result)) >= LEAST_SHARE) return { result, refused }
  }
  return { result: undefined, refused: MOST_ATTEMPTS }
}

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'

/** Less than any hash costs, and far more than a thread uses that had none. */
const HASHED_NS = 200_000

/** As `nice` has it. The loop gets nine tenths of a core that both want, and hashes never nothing. */
const NICE = 10

/** Each may leave out a thread, when another took two hashes. */
const MOST_ROUNDS = 4

/**
 * Lets the threads that hash stand back when the event loop has work: on a machine whose cores are all busy, what was
 * read from the network is answered before more is hashed. The threads are libuv's, so those of them that come to it also
 * write to the disk; these are short. On Linux alone, where a priority is a thread's and lowering it is everybody's right.
 *
 * Node does not tell which threads these are. They are found by what they do: whoever has used the time of a hash while
 * hashes were run, and is not the main thread, nor is called something else.
 *
 * @param hash - runs one.
 * @returns how many were found.
 */
export async function standBack(threads: number, hash: () => Promise<unknown>): Promise<number> {
  const found = new Set<number>()
  try {
    for (let round = 0; round < MOST_ROUNDS && found.size < threads; round++) {
      const before = usedNs()
      await Promise.all(Array.from({ length: threads }, hash))
      for (const [thread, ns] of usedNs()) {
        if (found.has(thread) || ns - (before.get(thread) ?? 0) < HASHED_NS) continue
        setPriority(thread, NICE)
        found.add(thread)
      }
    }
  } catch {
    // Another system, or one that hides its threads: all share alike, as without this.
  }
  return found.size
}

/** What libuv calls the threads of its pool, in Node 26 for one. With an older one all are called as the process is. */
const POOL_THREAD = 'libuv-worker'

/** The time that each thread that may hash has used, in nanoseconds. Source: Documentation/scheduler/sched-stats.rst. */
function usedNs(): Map<number, number> {
  // In a PID namespace that sees the /proc of another these would be the numbers of other processes.
  if (readlinkSync('/proc/self') !== `${process.pid}`) return new Map()
  const ofProcess = nameOf(process.pid)
  const used = new Map<number, number>()
  for (const thread of readdirSync('/proc/self/task').map(Number)) {
    const name = nameOf(thread)
    if (thread === process.pid || (name !== POOL_THREAD && name !== ofProcess)) continue
    used.set(thread, Number(readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]))
  }
  return used
}

const nameOf = (thread: number): string => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim()

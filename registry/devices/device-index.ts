import { readNow, type StoreLevel, type WriteOperation } from '../../storage/index.ts'
import type { Device, DeviceId } from '../device.ts'
import { facetsOf } from './device-filter.ts'

/** IDs that are read ahead of one facet: few after a jump, and more as long as nothing is left out. */
const FIRST_AHEAD = 2
const MOST_AHEAD = 128

/** Jumps within which a search that finds nothing tells how far it is. */
const TOLD_AFTER = 32

export const DEVICE_FACETS_ROOM = 'device-facets'

/** Facets begin with a bracket. */
export const INDEX_COMPLETE = 'complete'

/**
 * device-facets: facet and device ID → nothing. Within a facet the devices stand in the order of their IDs, so that those
 * which have several facets are found by going through all of them side by side.
 */
export class DeviceIndex {
  readonly #facets
  #isComplete = false

  constructor(level: StoreLevel) {
    this.#facets = level.sublevel(DEVICE_FACETS_ROOM)
  }

  open(): Promise<void> {
    return this.#facets.open()
  }

  /** False for a store in which devices registered before there was an index, and for an empty one. */
  get isComplete(): boolean {
    return (this.#isComplete ||= readNow(this.#facets, INDEX_COMPLETE) !== undefined)
  }

  /** To be written with the last device that was not in it, or the first of all. */
  completed(): WriteOperation[] {
    return this.isComplete ? [] : [{ type: 'put', sublevel: this.#facets, key: INDEX_COMPLETE, value: '' }]
  }

  /** What is to be written when a device becomes another; undefined stands for none. */
  changed(before: Device | undefined, after: Device | undefined): WriteOperation[] {
    const old = before === undefined ? [] : facetsOf(before).map((facet) => facet + before.id)
    const now = after === undefined ? [] : facetsOf(after).map((facet) => facet + after.id)
    return [
      ...old
        .filter((key) => !now.includes(key))
        .map((key): WriteOperation => ({ type: 'del', sublevel: this.#facets, key })),
      ...now
        .filter((key) => !old.includes(key))
        .map((key): WriteOperation => ({ type: 'put', sublevel: this.#facets, key, value: '' })),
    ]
  }

  /**
   * The devices that have all of `facets`, in the order of their IDs, beginning behind `after`. In between it tells how
   * far it is, with an `at` that is no device's: facets that many have, and none together, take long to go through.
   */
  async *devicesWith(
    facets: readonly string[],
    after: string,
  ): AsyncGenerator<{ readonly at: string; readonly id?: DeviceId }> {
    const cursors = facets.map((facet) => new FacetCursor(facet, this.#range(facet, after)))
    try {
      for (let from = '', jumps = 0; ;) {
        let agreed = 0
        for (const cursor of cursors) {
          const id = await cursor.firstFrom(from)
          if (id === undefined) return
          if (id === from) agreed += 1
          else from = id
        }
        if (agreed < cursors.length) {
          // Before `from`, which is not looked at yet.
          if (++jumps % TOLD_AFTER === 0) yield { at: from.slice(0, -1) }
          continue
        }
        yield { at: from, id: from }
        from += '\0'
      }
    } finally {
      await Promise.all(cursors.map((cursor) => cursor.close()))
    }
  }

  #range(facet: string, after: string) {
    return this.#facets.keys({ gt: facet + after, lt: `${facet}\x7f` })
  }
}

interface Keys {
  nextv(count: number): Promise<string[]>
  seek(key: string): void
  close(): Promise<void>
}

/** Goes through the devices of one facet, and leaves out what nobody asks for. */
class FacetCursor {
  readonly #facet: string
  readonly #keys: Keys
  #ahead: string[] = []
  #size = FIRST_AHEAD

  constructor(facet: string, keys: Keys) {
    this.#facet = facet
    this.#keys = keys
  }

  /** The first that is not before `from`. */
  async firstFrom(from: string): Promise<DeviceId | undefined> {
    const key = this.#facet + from
    const last = this.#ahead.at(-1)
    if (last === undefined || last < key) {
      // What comes next in the facet needs no jump.
      const isNext = last !== undefined && key === `${last}\0`
      this.#size = isNext || last === undefined ? Math.min(this.#size * 2, MOST_AHEAD) : FIRST_AHEAD
      if (from !== '' && !isNext) this.#keys.seek(key)
      this.#ahead = await this.#keys.nextv(this.#size)
    }
    while (this.#ahead[0] !== undefined && this.#ahead[0] < key) this.#ahead.shift()
    return this.#ahead[0]?.slice(this.#facet.length)
  }

  close(): Promise<void> {
    return this.#keys.close()
  }
}

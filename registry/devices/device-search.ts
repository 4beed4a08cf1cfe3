import { chunksOf } from '../../storage/index.ts'
import { firstIdSince, type Device, type DeviceId } from '../device.ts'
import { prefixForms, type Normalisation } from '../manufacturer-id.ts'
import { facetsWanted, prefixWanted, selects, type DeviceFilter } from './device-filter.ts'
import type { DeviceIndex } from './device-index.ts'

export interface DeviceSelection {
  readonly filter: DeviceFilter
  readonly limit: number
  /** The `next` of the page before. */
  readonly after?: string
}

export interface DevicePage {
  readonly devices: readonly Device[]
  /** Where the next page begins. */
  readonly next?: string
}

/** A page ends when so many records were looked at or so much time is over, however few of them were wanted. */
const MOST_LOOKED_AT = 500
const LONGEST_SEARCH_MS = 20

/** Devices that are read with one question: no more than a page needs, and the loop is free meanwhile. */
const READ_TOGETHER = 64

interface Entries<T> {
  nextv(size: number): Promise<[key: string, value: T][]>
  close(): Promise<void>
}

/** Records by their keys. */
interface Room<T> {
  iterator(range: { readonly gt?: string; readonly gte?: string }): Entries<T>
  getMany(keys: string[]): Promise<(T | undefined)[]>
}

export interface DeviceSearchParts {
  readonly devices: Room<Device>
  readonly byManufacturerId: Room<DeviceId>
  readonly index: Pick<DeviceIndex, 'devicesWith'>
  /** How manufacturer IDs are compared. */
  readonly normalisation: Normalisation
}

/** Finds devices page by page: by the index, by their manufacturer IDs, or one after the other. */
export class DeviceSearch {
  readonly #parts: DeviceSearchParts

  constructor(parts: DeviceSearchParts) {
    this.#parts = parts
  }

  /** A page of the devices that a filter selects. It may hold fewer than asked for, and not be the last. */
  async select({ filter, limit, after }: DeviceSelection): Promise<DevicePage> {
    const devices: Device[] = []
    let next: string | undefined
    let lookedAt = 0
    const begunAt = performance.now()
    for await (const candidates of this.#candidates(filter, after)) {
      for (const { at, device } of candidates) {
        const isWanted = device !== undefined && selects(filter, device)
        // It tells that there is another page.
        if (isWanted && devices.length === limit) return { devices, ...(next === undefined ? {} : { next }) }
        next = at
        if (isWanted) devices.push(device)
        if ((lookedAt += 1) === MOST_LOOKED_AT) return { devices, next }
      }
      if (next !== undefined && performance.now() - begunAt > LONGEST_SEARCH_MS) return { devices, next }
    }
    return { devices }
  }

  async *#candidates(filter: DeviceFilter, after: string | undefined): AsyncGenerator<Candidate[]> {
    const prefix = prefixWanted(filter)
    if (prefix !== undefined) {
      for (const form of prefixForms(prefix, this.#parts.normalisation)) {
        if (after !== undefined && after >= form && !after.startsWith(form)) continue
        yield* this.#candidatesNamed(form, after)
      }
      return
    }
    // IDs begin with the time of registration.
    const since = filter.registeredSince === undefined ? '' : firstIdSince(filter.registeredSince)
    const behind = after !== undefined && after > since ? after : since
    const facets = facetsWanted(filter)
    if (facets.length > 0) yield* this.#candidatesWith(facets, behind)
    else {
      for await (const some of chunksOf(this.#parts.devices.iterator({ gt: behind }), READ_TOGETHER)) {
        yield some.map(([at, device]) => ({ at, device }))
      }
    }
  }

  /** Those whose manufacturer ID is looked up under a key that begins with `form`, in the order of these keys. */
  async *#candidatesNamed(form: string, after: string | undefined): AsyncGenerator<Candidate[]> {
    const behind = after?.startsWith(form) === true ? { gt: after } : { gte: form }
    for await (const some of chunksOf(this.#parts.byManufacturerId.iterator(behind), READ_TOGETHER)) {
      const found = some.filter(([at]) => at.startsWith(form))
      yield await this.#read(found.map(([at, id]) => ({ at, id })))
      if (found.length < some.length) return
    }
  }

  async *#candidatesWith(facets: readonly string[], behind: string): AsyncGenerator<Candidate[]> {
    let some: { readonly at: string; readonly id?: DeviceId }[] = []
    for await (const place of this.#parts.index.devicesWith(facets, behind)) {
      some.push(place)
      if (some.length < READ_TOGETHER && place.id !== undefined) continue
      yield await this.#read(some)
      some = []
    }
    yield await this.#read(some)
  }

  async #read(places: readonly { readonly at: string; readonly id?: DeviceId }[]): Promise<Candidate[]> {
    const devices = await this.#parts.devices.getMany(places.flatMap(({ id }) => id ?? []))
    const read = devices.values()
    return places.map(({ at, id }) => ({ at, device: id === undefined ? undefined : read.next().value }))
  }
}

/** A place in an order of devices, and the device that stands there, if any. */
interface Candidate {
  readonly at: string
  readonly device: Device | undefined
}

import { z } from 'zod'
import { MAX_ITEMS_PER_PAGE } from '../whole-list.ts'

/** What a request says of the page that it wants. */
export const page = {
  limit: z.int().min(1).max(MAX_ITEMS_PER_PAGE).default(100),
  after: z.string().exactOptional().meta({ description: 'The `next` of the page before.' }),
}

export const next = z.string().exactOptional().meta({ description: 'Pass it as `after`. Absent on the last page.' })

/**
 * A page of what is in memory whole.
 *
 * @param placeOf - where an item stands in the list: unique, and it stays as long as the item does.
 */
export function pageOf<T>(
  items: readonly T[],
  placeOf: (item: T) => string,
  { limit, after }: { readonly limit: number; readonly after?: string },
): { items: T[]; next?: string } {
  const placed = items.map((item) => ({ item, place: placeOf(item) }))
  const rest = placed
    .filter(({ place }) => after === undefined || place > after)
    .toSorted((one, other) => (one.place < other.place ? -1 : 1))
  const last = rest.length > limit ? rest[limit - 1] : undefined
  const here = rest.slice(0, limit).map(({ item }) => item)
  return { items: here, ...(last === undefined ? {} : { next: last.place }) }
}

/** The most of a list in one answer. */
export const MAX_ITEMS_PER_PAGE = 1000

/** All of a list that the server gives in pages. */
export async function wholeList<T>(
  ask: (page: {
    readonly limit: number
    readonly after?: string
  }) => Promise<{ readonly items: readonly T[]; readonly next?: string | undefined }>,
): Promise<T[]> {
  const all: T[] = []
  for (let after: string | undefined; ;) {
    const { items, next } = await ask({ limit: MAX_ITEMS_PER_PAGE, ...(after === undefined ? {} : { after }) })
    all.push(...items)
    if (next === undefined) return all
    after = next
  }
}

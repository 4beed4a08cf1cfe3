/** All devices of a list that comes in pages: one may end early, however few devices there are. */
export async function everyDevice<T>(
  list: (page: {
    readonly limit: number
    readonly after?: string
  }) => Promise<{ readonly devices: readonly T[]; readonly next?: string | undefined }>,
): Promise<T[]> {
  const all: T[] = []
  for (let after: string | undefined; ;) {
    const { devices, next } = await list({ limit: 500, ...(after === undefined ? {} : { after }) })
    all.push(...devices)
    if (next === undefined) return all
    after = next
  }
}

import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

export interface DiskUse {
  /** Of the files of the store. */
  readonly storeBytes: number
  /** That may be written still. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** What the store in `folder` takes of its disk. */
export async function diskUse(folder: string): Promise<DiskUse> {
  const { bavail, bsize, blocks } = await statfs(folder)
  const store = join(folder, 'store')
  let storeBytes = 0
  // One after the other: the threads that look are those that hash and write.
  for (const name of await readdir(store)) {
    // One that was compacted away meanwhile counts no more.
    storeBytes += (await stat(join(store, name)).catch(() => undefined))?.size ?? 0
  }
  return { storeBytes, freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

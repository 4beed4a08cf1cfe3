import { Level } from 'level'
import { LEVEL_OPTIONS } from './database.ts'
import { PRIVATE_FOLDER_MODE, syncFolder } from './files.ts'
import { metaRecords, type StoreMeta } from './meta.ts'
import type { StoredRecord } from './salvage.ts'
import { mkdir } from 'node:fs/promises'

/** About how many bytes go into one batch. */
const BATCH_BYTES = 1_048_576

/**
 * Makes a store of `records` in the folder `store`, which must not be there. All of it is on disk when this resolves.
 *
 * @param records - in any order; none of what the store says about itself.
 * @param metaAfter - says that once all records were read.
 */
export async function buildStore(
  store: string,
  records: AsyncIterable<StoredRecord>,
  metaAfter: () => StoreMeta,
): Promise<void> {
  await mkdir(store, { mode: PRIVATE_FOLDER_MODE })
  const level = new Level<Buffer, Buffer>(store, { ...LEVEL_OPTIONS, keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await level.open({ errorIfExists: true })
  try {
    let batch: { type: 'put'; key: Buffer; value: Buffer }[] = []
    let bytes = 0
    const write = async (): Promise<void> => {
      await level.batch(batch, { sync: true })
      batch = []
      bytes = 0
    }
    for await (const [key, value] of records) {
      batch.push({ type: 'put', key, value })
      bytes += key.length + value.length
      if (bytes >= BATCH_BYTES) await write()
    }
    for (const [key, value] of metaRecords(metaAfter())) batch.push({ type: 'put', key, value })
    await write()
  } finally {
    await level.close()
  }
  await syncFolder(store)
}

import { parse } from 'csv-parse'
import { createReadStream } from 'node:fs'
import { CSV_OPTIONS, readAllowListRecords, type AllowListReader } from '../admin/index.ts'

/** @throws the system's error when the file cannot be read. */
export async function readAllowListFile(file: string, reader: AllowListReader): Promise<void> {
  const parser = parse(CSV_OPTIONS)
  const input = createReadStream(file)
  input.on('error', (error) => parser.destroy(error))
  try {
    await readAllowListRecords(input.pipe(parser), reader)
  } finally {
    input.destroy()
  }
}

export const tagsText = (tags: readonly { readonly key: string; readonly value: string }[]): string =>
  tags.map(({ key, value }) => `${key}=${value}`).join(';')

import { createReadStream } from 'node:fs'
import { readAllowListRows, type AllowListReader } from '../admin/index.ts'

/** @throws the system's error when the file cannot be read. */
export const readAllowListFile = (file: string, reader: AllowListReader): Promise<void> =>
  readAllowListRows(createReadStream(file, 'utf8'), reader)

export const tagsText = (tags: readonly { readonly key: string; readonly value: string }[]): string =>
  tags.map(({ key, value }) => `${key}=${value}`).join(';')

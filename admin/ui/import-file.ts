import type { FileProblem } from '../csv-rows.ts'
import { ask, type Answer } from './api.ts'

export interface Import {
  readonly id: number
  readonly file: string
  readonly rows: number
  readonly problems: readonly FileProblem[]
  /** What it would change; absent when there are problems. */
  readonly change: Answer<'compareAllowListImport'> | undefined
}

/** Puts a file beside the list that is in force, and says what it would change. */
export async function importFile(file: File, told: (rows: number) => void): Promise<Import> {
  const { import: id } = await ask('beginAllowListImport')
  try {
    return await readInto(id, file, told)
  } catch (error) {
    await abandonImport(id)
    throw error
  }
}

/** Nobody else would: it stays beside the list until the next one is begun. */
export const abandonImport = (id: number): Promise<void> =>
  ask('abandonAllowListImport', { import: id }).then(
    () => {},
    () => {},
  )

/** Bytes that are sent at once: as characters they fit into one request, whatever they are. */
const PIECE_BYTES = 128 * 1024

async function readInto(id: number, file: File, told: (rows: number) => void): Promise<Import> {
  const problems: FileProblem[] = []
  // A character may be cut in two.
  const decoder = new TextDecoder()
  let rows = 0
  for (let at = 0, isLast = false; !isLast; at += PIECE_BYTES) {
    isLast = at + PIECE_BYTES >= file.size
    const bytes = await file.slice(at, at + PIECE_BYTES).arrayBuffer()
    const text = decoder.decode(bytes, { stream: !isLast })
    const read = await ask('addAllowListText', { import: id, text, isLast })
    problems.push(...read.problems)
    told((rows = read.rows))
  }
  problems.sort((a, b) => a.line - b.line)
  const read = { id, file: file.name, rows, problems }
  if (problems.length === 0) return { ...read, change: await ask('compareAllowListImport', { import: id }) }
  await ask('abandonAllowListImport', { import: id })
  return { ...read, change: undefined }
}

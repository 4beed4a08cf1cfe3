import { readAllowListRows, type FileProblem } from '../allow-list-rows.ts'
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

async function readInto(id: number, file: File, told: (rows: number) => void): Promise<Import> {
  const problems: FileProblem[] = []
  let rows = 0
  await readAllowListRows(chunksOf(file), {
    problem: (problem) => void problems.push(problem),
    async rows(chunk) {
      problems.push(...(await ask('addAllowListRows', { import: id, rows: [...chunk] })).problems)
      rows += chunk.length
      told(rows)
    },
  })
  problems.sort((a, b) => a.line - b.line)
  const read = { id, file: file.name, rows, problems }
  if (problems.length === 0) return { ...read, change: await ask('compareAllowListImport', { import: id }) }
  await ask('abandonAllowListImport', { import: id })
  return { ...read, change: undefined }
}

/** Not every browser can iterate over a stream. A piece of it is read in a moment, and then the server is waited for. */
async function* chunksOf(file: File): AsyncGenerator<string> {
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader()
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}

import { ask, type Answer } from './api.ts'
import { parseAllowList, type AllowListRow } from './allow-list-csv.ts'

export interface Import {
  readonly id: number
  readonly problems: readonly { readonly line: number; readonly problem: string }[]
  /** What it would change; absent when there are problems. */
  readonly change: Answer<'compareAllowListImport'> | undefined
}

const ROWS_AT_ONCE = 500

/** Puts a file beside the list that is in force, and says what it would change. */
export async function importFile(file: File, told: (rows: number) => void): Promise<Import> {
  const { import: id } = await ask('beginAllowListImport')
  const { rows, problems } = await parseAllowList(file)
  const found = [...problems]
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    const chunk: AllowListRow[] = rows.slice(at, at + ROWS_AT_ONCE)
    found.push(...(await ask('addAllowListRows', { import: id, rows: chunk })).problems)
    told(at + chunk.length)
  }
  found.sort((a, b) => a.line - b.line)
  if (found.length > 0) {
    await ask('abandonAllowListImport', { import: id })
    return { id, problems: found, change: undefined }
  }
  return { id, problems: [], change: await ask('compareAllowListImport', { import: id }) }
}

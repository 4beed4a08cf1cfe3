import { ask, type Request } from './api.ts'

const AT_ONCE = 1000

/**
 * Saves the entries that match, oldest first, one JSON object a line: whole, with the hashes that chain them.
 *
 * @returns how many.
 */
export async function exportJournal(request: Partial<Request<'listJournal'>>): Promise<number> {
  const parts: string[] = []
  let count = 0
  let after: number | undefined = 0
  while (after !== undefined) {
    const page: Awaited<ReturnType<typeof ask<'listJournal'>>> = await ask('listJournal', {
      ...request,
      limit: AT_ONCE,
      after,
    })
    count += page.entries.length
    parts.push(page.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    after = page.next
  }
  save('journal.jsonl', new Blob(parts, { type: 'application/x-ndjson' }))
  return count
}

function save(name: string, content: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

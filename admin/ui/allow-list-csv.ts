import type { AllowListReader, AllowListRow, FileProblem } from '../allow-list-rows.ts'

/** What the worker says; after `rows` it waits for any word from here. */
export type WorkerNews =
  | { readonly kind: 'rows'; readonly rows: readonly AllowListRow[] }
  | { readonly kind: 'problem'; readonly problem: FileProblem }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }

/** Reads a file with the rules of `mooring allow import`. A worker does it: a million rows would hold the page up. */
export async function readAllowList(file: File, reader: AllowListReader): Promise<void> {
  const worker = new Worker(new URL('./allow-list-worker.ts', import.meta.url), { type: 'module' })
  try {
    await new Promise<void>((done, failed) => {
      worker.addEventListener('error', () => failed(new Error('The file cannot be read.')))
      worker.addEventListener('message', ({ data }: MessageEvent<WorkerNews>) => {
        if (data.kind === 'problem') reader.problem(data.problem)
        else if (data.kind === 'done') done()
        else if (data.kind === 'failed') failed(new Error(data.message))
        else reader.rows(data.rows).then(() => worker.postMessage('more'), failed)
      })
      worker.postMessage(file)
    })
  } finally {
    worker.terminate()
  }
}

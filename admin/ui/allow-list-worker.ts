import { parse } from 'csv-parse/browser/esm/sync'
import { CSV_OPTIONS, readAllowListRecords } from '../allow-list-rows.ts'
import type { WorkerNews } from './allow-list-csv.ts'

const tell = (news: WorkerNews): void => postMessage(news)

let goOn: (() => void) | undefined

addEventListener('message', ({ data }: MessageEvent<unknown>) => {
  if (data instanceof File) void read(data)
  else goOn?.()
})

async function read(file: File): Promise<void> {
  try {
    await readAllowListRecords(recordsOf(await file.text()), {
      problem: (problem) => tell({ kind: 'problem', problem }),
      rows: (rows) =>
        new Promise((done) => {
          goOn = done
          tell({ kind: 'rows', rows })
        }),
    })
    tell({ kind: 'done' })
  } catch (error) {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
}

/** Inside the reader's loop, so that what is wrong with the text is told like any other problem of the file. */
function* recordsOf(text: string): Generator {
  yield* parse(text, CSV_OPTIONS)
}

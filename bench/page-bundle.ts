import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/**
 * Bytes that a browser fetches when it opens the built page, gzipped as a proxy would: the document and what it names. What
 * is loaded when it is needed (the reader of CSV files, `/docs`) is not in it.
 */
export function bundleSize(folder: string): number {
  const document = readFileSync(join(folder, 'index.html'), 'utf8')
  const named = Array.from(document.matchAll(/(?:src|href)="\/([^"]+)"/g), ([, name]) => name ?? '')
  return ['index.html', ...named]
    .map((name) => gzipSync(readFileSync(join(folder, name)), { level: 9 }).length)
    .reduce((sum, bytes) => sum + bytes, 0)
}

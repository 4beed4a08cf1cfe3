import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Bytes of the built page, each file gzipped as a proxy would. */
export interface BundleSize {
  /** The document and what it names: what a browser fetches to open it. */
  readonly opened: number
  /** With what is loaded when it is needed. `/docs` is a page of its own. */
  readonly whole: number
}

export function bundleSize(folder: string): BundleSize {
  const sum = (names: readonly string[]): number =>
    names
      .map((name) => gzipSync(readFileSync(join(folder, name)), { level: 9 }).length)
      .reduce((total, bytes) => total + bytes, 0)
  const document = readFileSync(join(folder, 'index.html'), 'utf8')
  const named = Array.from(document.matchAll(/(?:src|href)="\/([^"]+)"/g), ([, name]) => name ?? '')
  return { opened: sum(['index.html', ...named]), whole: sum(filesOf(folder).filter((name) => !/^docs\b/.test(name))) }
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))

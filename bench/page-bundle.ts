import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

const PARTS = new Set(['.html', '.js', '.css', '.svg'])

/** Bytes of the built page, gzipped as a server or proxy would; `/docs`, which most never open, is not in it. */
export const bundleSize = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => PARTS.has(extname(name)) && !name.startsWith('docs'))
    .reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name)), { level: 9 }).length, 0)

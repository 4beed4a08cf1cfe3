import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'
import { brotliDecompressSync } from 'node:zlib'

/**
 * What the program carries with it besides its code: name → place in the sources. The single executable has them inside;
 * packaging/build-binary.mjs puts there what this list says.
 */
const PACKAGED: Readonly<Record<string, string>> = {
  'package.json': 'package.json',
  'grafana.json': 'packaging/grafana.json',
  'prometheus-alerts.yml': 'packaging/prometheus-alerts.yml',
  LICENSE: 'LICENSE',
  // Written by the build: from source the licences lie beside the code of their packages.
  'THIRD-PARTY-NOTICES': 'dist/THIRD-PARTY-NOTICES',
}

/** Whether this process is the one file that operators copy, and not Node with our sources. */
export const isSingleExecutable: boolean = isSea()

export const packagedFileNames = (): string[] => Object.keys(PACKAGED)

/** Where the sources have the file of that name. @throws {RangeError} when there is none of that name. */
export function placeInSources(name: string): string {
  const place = PACKAGED[name]
  if (place === undefined) throw new RangeError(`there is no file ${name} in the program`)
  return place
}

/** @throws {RangeError} when there is none of that name, and the error of the file system when the sources lack it. */
export function packagedFile(name: string): string {
  const place = placeInSources(name)
  // The compiled code lies in `dist/executable/`.
  const inSources = new URL(`../../${place}`, import.meta.url)
  return (isSingleExecutable ? brotliDecompressSync(getAsset(name)) : readFileSync(inSources)).toString()
}

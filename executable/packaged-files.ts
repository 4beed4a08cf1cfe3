import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { getAsset, isSea } from 'node:sea'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { unpack } from './unpack.ts'

/**
 * What the program carries with it besides its code: name → place in the sources. The single executable has them inside;
 * packaging/build-binary.mjs puts there what this list says.
 */
const PACKAGED: Readonly<Record<string, string>> = {
  'package.json': 'package.json',
  'grafana.json': 'packaging/grafana.json',
  'prometheus-alerts.yml': 'packaging/prometheus-alerts.yml',
  'firmware-sample/node/index.js': 'firmware-sample/node/index.js',
  'firmware-sample/node/package.json': 'firmware-sample/node/package.json',
  'firmware-sample/c/device.c': 'firmware-sample/c/device.c',
  'firmware-sample/c/Makefile': 'firmware-sample/c/Makefile',
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
  return (isSingleExecutable ? unpack(getAsset(name)) : readFileSync(inSources)).toString()
}

/** Where the build puts the operator's page; the compiled code lies beside it. */
const PAGE = fileURLToPath(new URL('../ui', import.meta.url))

/**
 * The operator's page. The single executable has each file inside as `ui/<name>`, and the list of their names as
 * `ui.json`.
 */
export const pageFiles = {
  names: (): string[] => (isSingleExecutable ? packagedPageNames() : builtPageNames()),
  read: async (name: string): Promise<Buffer> =>
    isSingleExecutable ? await decompressed(getAsset(`ui/${name}`)) : await readFile(`${PAGE}/${name}`),
}

const decompressed = promisify<ArrayBuffer, Buffer>(brotliDecompress)

/** None when it was not built. */
export function builtPageNames(): string[] {
  if (!existsSync(PAGE)) return []
  const found = readdirSync(PAGE, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  return found.map(({ parentPath, name }) => `${parentPath}/${name}`.slice(PAGE.length + 1).replaceAll('\\', '/'))
}

function packagedPageNames(): string[] {
  const names: unknown = JSON.parse(unpack(getAsset('ui.json')).toString())
  return Array.isArray(names) ? names.map(String) : []
}

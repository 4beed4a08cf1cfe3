import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isAlias, isMap, isScalar, type Document, type YAMLMap } from 'yaml'
import type { Given, Reading } from './given.ts'
import { fileSchema } from './schema.ts'
import { groups, settings } from './settings.ts'
import { didYouMean } from './suggest.ts'
import { readTextFile, UnreadableFile } from './text-file.ts'
import { parseYaml, type YamlText } from './yaml-text.ts'

const MOST_BYTES = 1024 * 1024

/** A name that cannot be a secret in the wrong place, and may therefore be shown. */
const SHOWABLE = /^[A-Za-z][\w.-]{0,30}$/

/**
 * Reads every setting of a config file, with its place.
 *
 * @param namedBy - begins the problem of a file that cannot be read: `MOORING_CONFIG: `.
 */
export function readConfigFile(file: string, namedBy: string): Reading {
  try {
    const yaml = parseYaml(file, readTextFile(file, MOST_BYTES))
    if (yaml.problems.length > 0) return { given: [], problems: yaml.problems, warnings: [] }
    const found = new FileReader(file, yaml)
    found.readAll()
    return { given: found.given, problems: found.problems, warnings: exposedSecret(file, found.given) }
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error
    return { given: [], problems: [`${namedBy}${file}: ${error.message}`], warnings: [] }
  }
}

/** An alias of nothing; the problem was already told. */
const UNRESOLVED = Symbol('unresolved alias')

class FileReader {
  readonly given: Given[] = []
  readonly problems: string[] = []
  readonly #file: string
  readonly #yaml: YamlText

  constructor(file: string, yaml: YamlText) {
    this.#file = file
    this.#yaml = yaml
  }

  readAll(): void {
    const [document, second] = this.#yaml.documents
    if (second !== undefined) this.#problem(second.contents, 'expected one document: remove the line with ---')
    if (document === undefined || isNothing(document.contents)) return
    if (isMap(document.contents)) this.#readMap(document, document.contents, '')
    else this.#problem(document.contents, 'expected settings, each as name: value')
  }

  #readMap(document: Document, map: YAMLMap, prefix: string): void {
    for (const { key, value } of map.items) {
      const name = isScalar(key) && typeof key.value === 'string' ? key.value : ''
      const path = prefix + name
      if (path === 'version') this.#readVersion(value)
      else if (groups().some((group) => group.name === path)) this.#readGroup(document, key, value, path)
      else this.#readSetting(document, key, value, path)
    }
  }

  #readGroup(document: Document, key: unknown, value: unknown, path: string): void {
    const node = this.#resolved(document, value)
    if (node === UNRESOLVED) return
    if (isMap(node)) this.#readMap(document, node, `${path}.`)
    // A section whose lines are all commented out holds nothing, and says nothing.
    else if (!isNothing(node)) this.#problem(value ?? key, `${path}: expected settings below it, each as name: value`)
  }

  #readSetting(document: Document, key: unknown, value: unknown, path: string): void {
    const setting = settings().find((candidate) => candidate.path === path)
    if (setting === undefined) return this.#unknown(key, path)
    const node = this.#resolved(document, value)
    if (node === UNRESOLVED) return
    if (isNothing(node)) return this.#problem(key, `${path}: it has no value; give it one or remove the line`)
    this.given.push({
      setting,
      // Only what a scalar says can be a value. Anything else is refused by its type, and its insides never shown.
      value: isScalar(node) ? node.value : isMap(node) ? {} : [],
      source: 'file',
      where: this.#yaml.at(value),
      folder: dirname(this.#file),
    })
  }

  #readVersion(value: unknown): void {
    const version = fileSchema.shape.version.safeParse(isScalar(value) ? value.value : undefined)
    if (!version.success) this.#problem(value, `version: ${version.error.issues[0]?.message}`)
  }

  /** The node that an alias stands for. */
  #resolved(document: Document, node: unknown): unknown {
    if (!isAlias(node)) return node
    const original = node.resolve(document)
    if (original !== undefined) return original
    this.#problem(node, 'there is no anchor with the name of this alias (*)')
    return UNRESOLVED
  }

  #unknown(key: unknown, path: string): void {
    if (path.endsWith('<<')) return this.#problem(key, 'merge keys (<<) mean nothing here')
    const names = [...settings().map((setting) => setting.path), ...groups().map((group) => group.name), 'version']
    const name = path.split('.').every((word) => SHOWABLE.test(word)) ? `${path}: ` : ''
    this.#problem(key, `${name}unknown setting${didYouMean(path, names)}`)
  }

  #problem(node: unknown, sentence: string): void {
    this.problems.push(`${this.#yaml.at(node)}: ${sentence}`)
  }
}

const isNothing = (node: unknown): boolean =>
  node === null || node === undefined || (isScalar(node) && node.value === null)

/** Group members may read it on purpose (`root:mooring` 0640); everyone else should not. */
function exposedSecret(file: string, given: readonly Given[]): string[] {
  if (!given.some(({ setting }) => setting.kind === 'secret')) return []
  if ((statSync(file).mode & 0o007) === 0) return []
  return [`${file}: every user of this machine can read the secret in it. Change that with: chmod o-rwx '${file}'`]
}

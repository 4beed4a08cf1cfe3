import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isMap, isNode, isScalar, type Document } from 'yaml'
import type { z } from 'zod'
import { exportSchema, recipeFrom, recipeSchema, knownNames } from './recipe-schema.ts'
import { ConfigError, readFailure, shown } from './problems.ts'
import { didYouMean } from './suggest.ts'
import { readTextFile, UnreadableFile } from './text-file.ts'
import { parseYaml, type YamlText } from './yaml-text.ts'
import { TL_GENERATOR, type Recipe } from '../registry/index.ts'

const MOST_BYTES = 4 * 1024 * 1024

/**
 * Every recipe in the `*.yaml` and `*.yml` files of `folder`, in the order of the files' names; a missing folder has none.
 * The built-in recipe is not among them.
 *
 * @throws {ConfigError} with all problems of all files, each with its file, line and column.
 */
export const loadRecipes = async (folder: string): Promise<Recipe[]> => readRecipes(await filesIn(folder))

/**
 * The recipes of these files. Source of the format: docs/configuration.md, "Recipes".
 *
 * @throws {ConfigError} with all problems of all files, each with its file, line and column.
 */
export function readRecipes(files: readonly string[]): Recipe[] {
  const readers = files.map((file) => new RecipeReader(file))
  for (const reader of readers) reader.readAll()
  const found = readers.flatMap((reader) => reader.found)
  const problems = [...readers.flatMap((reader) => reader.problems), ...duplicates(found)]
  if (problems.length > 0) throw new ConfigError(problems)
  return found.map(({ recipe }) => recipe)
}

/**
 * The recipe of that name; one from a file of `folder` stands in the place of the built-in one.
 *
 * @throws {ConfigError} when there is none; it names those that exist. Also when any file of the folder is wrong.
 */
export async function chooseRecipe(name: string, folder: string): Promise<Recipe> {
  const recipes = [...(await loadRecipes(folder)), TL_GENERATOR]
  const recipe = recipes.find((candidate) => candidate.name === name)
  if (recipe !== undefined) return recipe
  const names = [...new Set(recipes.map((candidate) => candidate.name))]
  throw new ConfigError([
    `registration.recipe: there is no recipe ${shown(name)} in ${folder}, only ${names.map(shown).join(', ')}${didYouMean(name, names)}`,
  ])
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names
      .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'))
      .toSorted()
      .map((name) => join(folder, name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw new ConfigError([`${folder}: ${readFailure(error)}`], { cause: error })
  }
}

/** A recipe and the place where it begins. */
interface Found {
  readonly recipe: Recipe
  readonly place: string
}

function duplicates(found: readonly Found[]): string[] {
  const first = new Map<string, string>()
  return found.flatMap(({ recipe: { name }, place }) => {
    const earlier = first.get(name)
    if (earlier === undefined) first.set(name, place)
    return earlier === undefined ? [] : [`${place}: name: there is already a recipe ${shown(name)} at ${earlier}`]
  })
}

type Path = readonly (string | number)[]

/** Reads one file of the platform's export format. Whatever in it is no device recipe is left alone. */
class RecipeReader {
  readonly found: Found[] = []
  readonly problems: string[] = []
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  readAll(): void {
    try {
      const yaml = parseYaml(this.#file, readTextFile(this.#file, MOST_BYTES))
      this.problems.push(...yaml.problems)
      for (const document of yaml.documents) this.#readDocument(yaml, document)
      if (this.found.length > 0 || this.problems.length > 0) return
      this.problems.push(`${this.#file}: it holds no device recipe; each needs resourceType: DeviceRecipe`)
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error
      this.problems.push(`${this.#file}: ${error.message}`)
    }
  }

  #readDocument(yaml: YamlText, document: Document): void {
    try {
      const value: unknown = document.toJS()
      if (Array.isArray(value)) value.forEach((part: unknown, index) => this.#readPart(yaml, document, part, [index]))
      else this.#readPart(yaml, document, value, [])
    } catch (error) {
      // An alias without its anchor, or one that stands for itself over and over, shows only when it is followed.
      if (!(error instanceof ReferenceError)) throw error
      this.problems.push(
        `${yaml.at(document.contents)}: an alias (*) in this document stands for nothing, or for too much`,
      )
    }
  }

  /** An export holds its recipes as `resources`; one written by hand may be a recipe itself. */
  #readPart(yaml: YamlText, document: Document, part: unknown, path: Path): void {
    if (typeof part !== 'object' || part === null || !('resourceType' in part)) return
    if (part.resourceType !== 'DeviceRecipe') return
    if (!('resources' in part)) return this.#readRecipe(yaml, document, part, path)
    const parsed = exportSchema.safeParse(part, { reportInput: true })
    if (!parsed.success) return this.#refuse(yaml, document, parsed.error, path)
    parsed.data.resources.forEach((resource, index) =>
      this.#readRecipe(yaml, document, resource, [...path, 'resources', index]),
    )
  }

  #readRecipe(yaml: YamlText, document: Document, resource: unknown, path: Path): void {
    const parsed = recipeSchema.safeParse(resource, { reportInput: true })
    if (!parsed.success) return this.#refuse(yaml, document, parsed.error, path)
    this.found.push({ recipe: recipeFrom(parsed.data), place: yaml.at(nodeAt(document, [...path, 'name'])) })
  }

  #refuse(yaml: YamlText, document: Document, error: z.ZodError, path: Path): void {
    for (const issue of error.issues) {
      const inside = issue.path.filter((step) => typeof step !== 'symbol')
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          const place = yaml.at(keyAt(document, [...path, ...inside], key))
          this.problems.push(`${place}: ${shownPath([...inside, key])}unknown${didYouMean(key, knownNames(inside))}`)
        }
        continue
      }
      const found = issue.input === undefined ? 'it is missing' : `found ${shown(issue.input)}`
      const place = yaml.at(nodeAt(document, [...path, ...inside]))
      this.problems.push(`${place}: ${shownPath(inside)}${issue.message}, ${found}`)
    }
  }
}

/** The node at `path`; where something is missing, the one it is missing from. */
function nodeAt(document: Document, path: Path): unknown {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true)
    if (isNode(node)) return node
  }
  return document.contents
}

function keyAt(document: Document, path: Path, key: string): unknown {
  const map = nodeAt(document, path)
  if (!isMap(map)) return map
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key)?.key ?? map
}

const shownPath = (path: Path): string => {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
  return text === '' ? '' : `${text.replace(/^\./, '').replaceAll(/\p{C}/gu, '?').slice(0, 80)}: `
}

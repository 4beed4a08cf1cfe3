import type { Tag } from '../device.ts'
import { invalid } from '../errors.ts'

/** Set by Mooring itself: who the device is and what it was made from. Source: docs/contract.md §3. */
export const FIXED_KEYS: ReadonlySet<string> = new Set(['manufacturerId', 'DeviceRecipe'])

const MAX_TAGS = 100
const MAX_CHARACTERS = 255

export interface TagChanges {
  /** Each takes the place of every tag with its key. */
  readonly set: readonly Tag[]
  /** Keys of which every tag goes. */
  readonly remove: readonly string[]
}

/** @throws {RegistryError} `ERR_INPUT_INVALID`. */
export function checkTagChanges({ set, remove }: TagChanges): void {
  for (const key of [...set.map((tag) => tag.key), ...remove]) {
    if (FIXED_KEYS.has(key)) throw invalid(`The tag ${key} is set by Mooring itself.`)
    if (key === '' || !isTagText(key)) throw invalid(`${JSON.stringify(key)} cannot be the key of a tag.`)
  }
  const wrong = set.find(({ value }) => !isTagText(value))
  if (wrong !== undefined) throw invalid(`The tag ${wrong.key} cannot have the value ${JSON.stringify(wrong.value)}.`)
}

/** @throws {RegistryError} `ERR_INPUT_INVALID` when there would be too many. */
export function retagged(tags: readonly Tag[], { set, remove }: TagChanges): Tag[] {
  const going = new Set([...remove, ...set.map(({ key }) => key)])
  const changed = [...tags.filter(({ key }) => !going.has(key)), ...set]
  if (changed.length > MAX_TAGS) throw invalid(`A device may have at most ${MAX_TAGS} tags.`)
  return changed
}

export const areSameTags = (one: readonly Tag[], other: readonly Tag[]): boolean =>
  one.length === other.length &&
  one.every(({ key, value }) => other.some((tag) => tag.key === key && tag.value === value))

export const isTagText = (text: string): boolean => text.length <= MAX_CHARACTERS && !/[\p{Cc}\p{Cs}]/u.test(text)

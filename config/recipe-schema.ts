import { z } from 'zod'
import { ATTRIBUTE_DATA_TYPES, COMING_BACK, type Recipe } from '../registry/index.ts'

const DEVICE_CLASSES = [
  'standalone',
  'gateway',
  'peripheral',
  'floating',
  'edgeCompute',
  'embedded',
  'virtual',
  'system',
  'experience',
] as const

/** Registration gives these to every new device, whatever its recipe says. Source: docs/contract.md §1. */
const OWN_TAGS: readonly string[] = ['manufacturerId', 'DeviceRecipe']

// The bounds are the platform's own. Every message begins with what is expected; whoever reports it adds what was found.

const matching = (pattern: RegExp, expected: string) =>
  z.string({ error: expected }).regex(pattern, { error: expected })

const listOf = <Item extends z.ZodType>(item: Item, most: number) => {
  const error = `expected a list of at most ${most}`
  return z.array(item, { error }).max(most, { error })
}

const mapping = { error: 'expected name: value' }
const title = matching(/^\P{Cc}{1,255}$/u, 'expected 1 to 255 characters on one line (numbers in quotes)')
const key = matching(/^[0-9a-zA-Z_-]{1,255}$/, 'expected 1 to 255 letters, digits, _ or -')
const description = matching(/^[^]{0,32767}$/, 'expected text of at most 32767 characters')

/** What the platform writes into its exports, or answers in its API, and Mooring has no use for. */
const ignored = z.unknown().optional()

const attributeSchema = z.strictObject(
  {
    name: key,
    dataType: z.enum(ATTRIBUTE_DATA_TYPES, { error: `expected ${ATTRIBUTE_DATA_TYPES.join(', ')}` }),
    attributeTags: ignored,
    description: ignored,
    system: ignored,
  },
  mapping,
)

const tagSchema = z.strictObject({ key, value: title }, mapping)

/** One recipe, as it stands in an export. Source: docs/configuration.md, "Recipes". */
export const recipeSchema = z.strictObject(
  {
    name: title,
    deviceName: title.exactOptional(),
    deviceClass: z.enum(DEVICE_CLASSES, { error: `expected ${DEVICE_CLASSES.join(', ')}` }).exactOptional(),
    description: description.exactOptional(),
    deviceDescription: description.exactOptional(),
    tags: listOf(tagSchema, 100).exactOptional(),
    attributes: listOf(attributeSchema, 256).superRefine(onlyOnce).exactOptional(),
    comingBack: z.enum(COMING_BACK, { error: `expected ${COMING_BACK.join(', ')}` }).exactOptional(),
    resourceType: z.literal('DeviceRecipe', { error: 'expected DeviceRecipe' }).exactOptional(),
    version: ignored,
    id: ignored,
    deviceRecipeId: ignored,
    applicationId: ignored,
    creationDate: ignored,
    lastUpdated: ignored,
    exportHash: ignored,
    gatewayId: ignored,
    parentId: ignored,
    keepDuplicates: ignored,
    systemInterval: ignored,
  },
  mapping,
)

/** What the platform exports: recipes under one heading. */
export const exportSchema = z.strictObject({
  resourceType: z.literal('DeviceRecipe'),
  resources: z.array(z.unknown(), { error: 'expected a list of recipes' }),
  version: z.literal(1, { error: 'expected 1, the only version of this format that is known' }).exactOptional(),
})

/** The names that may stand at `path` inside a recipe, for suggestions. */
export function knownNames(path: readonly (string | number)[]): string[] {
  const schemas = new Map<unknown, z.ZodObject>([
    ['tags', tagSchema],
    ['attributes', attributeSchema],
  ])
  return Object.keys((schemas.get(path[0]) ?? recipeSchema).shape)
}

/** The device's own description comes first; a recipe without one says of its devices what it says of itself. */
export function recipeFrom(given: z.output<typeof recipeSchema>): Recipe {
  return {
    name: given.name,
    deviceName: given.deviceName ?? given.name,
    deviceClass: given.deviceClass ?? 'standalone',
    description: given.deviceDescription ?? given.description ?? '',
    tags: (given.tags ?? []).filter((tag) => !OWN_TAGS.includes(tag.key)),
    attributes: (given.attributes ?? []).map(({ name, dataType }) => ({ name, dataType })),
    ...(given.comingBack === undefined ? {} : { comingBack: given.comingBack }),
  }
}

function onlyOnce(attributes: readonly { readonly name: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>()
  for (const [index, { name }] of attributes.entries()) {
    if (seen.has(name)) {
      const message = 'expected every attribute once; this name was already used above'
      context.addIssue({ code: 'custom', path: [index, 'name'], message, input: name })
    }
    seen.add(name)
  }
}

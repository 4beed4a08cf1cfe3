import { z } from 'zod'
import { settingFacts, type SettingFacts } from './kinds.ts'
import { fileSchema } from './schema.ts'

/** One setting, as the command line, the environment, the file and the documentation know it. */
export interface Setting extends SettingFacts {
  /** Where it stands in the file: `listen.mqtt`. */
  readonly path: string
  /** The section of the file it stands in, if any, and its name there. */
  readonly group: string | undefined
  readonly name: string
  /** `MOORING_LISTEN_MQTT`; the same name with `_FILE` holds the name of a file with the value. */
  readonly variable: string
  /** `--listen-mqtt`; a secret has none, because every user of a machine can read command lines. */
  readonly flag: string | undefined
  /** As it would be written in the file; undefined when nothing is set by default. */
  readonly default: string | undefined
  readonly schema: z.ZodType
}

/** Variables that begin like settings and are none. */
export const CONFIG_VARIABLE = 'MOORING_CONFIG'

export interface Group {
  readonly name: string
  readonly description: string
}

const wordsOf = (path: string): string[] => path.split(/\.|(?=[A-Z])/).map((word) => word.toLowerCase())

const ALL = readSettings()

/** Every setting in the order of the file; `version` is about the file itself and no setting. */
export const settings = (): readonly Setting[] => ALL

/** The sections of the file that hold more than one setting. */
export const groups = (): readonly Group[] =>
  Object.entries(fileSchema.shape).flatMap(([name, schema]) =>
    unwrapped(schema) instanceof z.ZodObject ? [{ name, description: schema.meta()?.description ?? '' }] : [],
  )

/** JSON Schema of the config file, for editors. */
export const configSchema = (): Record<string, unknown> => ({
  ...z.toJSONSchema(fileSchema, {
    io: 'input',
    override: ({ jsonSchema, path }) => {
      // A section in which everything is a remark is null to YAML, and fine.
      if (jsonSchema.type === 'object' && path.length > 0) Object.assign(jsonSchema, { type: ['object', 'null'] })
    },
  }),
  title: 'mooring.yaml',
})

function readSettings(): Setting[] {
  return Object.entries(fileSchema.shape).flatMap(([name, schema]) => {
    const inner = unwrapped(schema)
    if (!(inner instanceof z.ZodObject)) return settingOf(undefined, name, schema)
    return Object.entries(inner.shape).flatMap(([key, leaf]) => settingOf(name, key, leaf))
  })
}

function settingOf(group: string | undefined, name: string, schema: unknown): Setting[] {
  const inner = unwrapped(schema)
  const facts = inner instanceof z.ZodType ? settingFacts.get(inner) : undefined
  if (facts === undefined || !(schema instanceof z.ZodType)) return []
  const path = group === undefined ? name : `${group}.${name}`
  return [
    {
      ...facts,
      path,
      group,
      name,
      variable: ['mooring', ...wordsOf(path)].join('_').toUpperCase(),
      flag: facts.kind === 'secret' ? undefined : `--${wordsOf(path).join('-')}`,
      default: schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : undefined,
      schema,
    },
  ]
}

function unwrapped(schema: unknown): unknown {
  let inner = schema
  while (inner instanceof z.ZodPrefault || inner instanceof z.ZodExactOptional) inner = inner.unwrap()
  return inner
}

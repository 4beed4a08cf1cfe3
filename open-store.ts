import { randomBytes } from 'node:crypto'
import type { RetainedMessages } from './admin/index.ts'
import { clearStoredRetained, forgetStored, listStoredRetained } from './broker/persistence/index.ts'
import { chooseRecipe, loadRecipes, recipesFolder, type Config } from './config.ts'
import { openRegistry, Secret, TL_GENERATOR, type Log, type Registry } from './registry/index.ts'
import { generatedText, openDatabase, type Database, type Writer } from './storage/index.ts'

/** The registry over its open store: what the server serves, and what a command works on when no server runs. */
export interface OpenStore {
  readonly database: Database
  readonly registry: Registry
}

export interface OpenStoreParts {
  readonly log: Log
  /** Threads of libuv's pool. */
  readonly poolThreads: number
  /** How many access secrets are made ahead. @defaultValue 0, for a process that ends soon */
  readonly preparedSecrets?: number
  /** Stands between the registry and the writer of the store. */
  readonly watchWrites?: (writer: Pick<Writer, 'write'>) => Pick<Writer, 'write'>
}

/**
 * Opens the data folder of `config`, and makes it when it is new.
 *
 * @throws {StorageError} when the folder cannot be used, {ConfigError} when a recipe cannot.
 */
export async function openStore(config: Config, parts: OpenStoreParts): Promise<OpenStore> {
  const { log, poolThreads, watchWrites, preparedSecrets = 0 } = parts
  // Before the store is made: a mistake in a recipe must not leave half a data folder behind.
  const recipe = await chooseRecipe(config.registration.recipe, recipesFolder(config))
  const recipes = [...(await loadRecipes(recipesFolder(config))), TL_GENERATOR]
  const database = await openDatabase(config.data, {
    durability: config.storage.durability,
    furnish: (made) => signingIdentity(config, made),
    onMigrated: (migrated) =>
      log.info({ event: 'store-migrated', ...migrated }, 'The store was brought to a newer format; a backup is kept.'),
  })
  try {
    const { level, writer } = database
    const watched = { level, writer: watchWrites?.(writer) ?? writer }
    const registry = await openRegistry(watched, {
      ...(await signingIdentity(config, database)),
      recipe,
      recipes,
      registrationMode: config.registration.mode,
      normalisation: config.registration.manufacturerIds,
      topicRoot: config.mqtt.topicRoot,
      deviceTopics: config.mqtt.deviceTopics,
      poolThreads,
      loginQueue: config.limits.loginQueue,
      preparedSecrets,
      journal: config.journal,
      rotationOverlapMs: config.credentials.rotationOverlapMs,
      log,
    })
    return { database, registry }
  } catch (error) {
    await database.close()
    throw error
  }
}

/**
 * The retained messages of a store.
 *
 * @param forget - takes them out of a broker's memory too. @defaultValue of the store alone, as no broker has it open
 */
export const retainedOf = (
  { level, writer }: Database,
  forget: (topics: readonly string[]) => Promise<void> = forgetStored(writer),
): RetainedMessages => ({
  list: (query) => listStoredRetained(level, { ...query, now: Date.now() }),
  clear: (filter) => clearStoredRetained(level, filter, forget),
})

/** Configured, or made at the first start and kept in the data folder. */
async function signingIdentity(
  { registration }: Config,
  database: Pick<Database, 'folder' | 'created'>,
): Promise<{ registrationSecret: Secret; registrationIssuer: string }> {
  const generate = (name: Parameters<typeof generatedText>[1], setting: string, make: () => string) =>
    generatedText(database, name, setting, make)
  return {
    registrationSecret:
      registration.secret ??
      new Secret(
        await generate('registration-secret', 'MOORING_REGISTRATION_SECRET', () => randomBytes(32).toString('hex')),
      ),
    registrationIssuer:
      registration.issuer ??
      (await generate(
        'registration-issuer',
        'MOORING_REGISTRATION_ISSUER',
        () => `mooring-${randomBytes(6).toString('hex')}`,
      )),
  }
}

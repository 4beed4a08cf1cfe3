import { DEFAULT_POOL_THREADS } from './registry/index.ts'
import { join } from 'node:path'
import type { Config } from './config/schema.ts'
import { load, type ConfigSources, type LoadedConfig } from './config/load.ts'

export { configurationDocs, describeConfig, environmentReference, exampleConfig } from './config/describe.ts'
export { formatListenAddress, isLoopback, parseListenAddress, type ListenAddress } from './config/listen-address.ts'
export type { LoadedConfig, Origin } from './config/load.ts'
export { ConfigError } from './config/problems.ts'
export { chooseRecipe, loadRecipes, readRecipes } from './config/recipe-files.ts'
export type { Config } from './config/schema.ts'
export { configSchema, settings, type Setting } from './config/settings.ts'
export { formatDuration, parseDuration, parseSize } from './config/units.ts'

/**
 * Everything the operator may decide, from the command line, the environment, the config file and the defaults.
 * The only reader of the environment. Source: docs/configuration.md.
 *
 * @throws {ConfigError} with all problems together.
 */
export const loadConfig = (from: Partial<ConfigSources> = {}): LoadedConfig =>
  load({ flags: {}, env: process.env, cwd: process.cwd(), ...from })

/** Where the operator's own recipes are. */
export const recipesFolder = ({ data }: Pick<Config, 'data'>): string => join(data, 'recipes')

/** Threads of libuv's pool. It starts before the program does, so only the environment can set it: `UV_THREADPOOL_SIZE`. */
export function threadPoolSize(env: NodeJS.ProcessEnv = process.env): number {
  const size = Number(env['UV_THREADPOOL_SIZE'])
  return Number.isInteger(size) && size > 0 ? Math.min(size, 1024) : DEFAULT_POOL_THREADS
}

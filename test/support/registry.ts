import { MemoryLevel } from 'memory-level'
import type { TestContext } from 'node:test'
import {
  openRegistry,
  Secret,
  TL_GENERATOR,
  type Registry,
  type RegistryOptions,
  type TokenTerms,
} from '../../registry/index.ts'
import { Writer, type StoreLevel } from '../../storage/index.ts'
import { memoryLog } from './log.ts'

export const SIGNING_SECRET = 'a signing secret of at least thirty-two bytes'
export const ISSUER = 'registration.example'

/** A writer over a level that needs no data folder. */
export const memoryDatabase = (
  level: StoreLevel = new MemoryLevel(),
  bootNumber = 1,
): { level: StoreLevel; writer: Writer; bootNumber: number } => ({
  level,
  bootNumber,
  writer: new Writer({ level, lastCommit: 0, commitKey: Buffer.from('commit'), synced: () => {} }),
})

/** A real registry over a store in memory, closed with the test. */
export async function aRegistry(
  t: Pick<TestContext, 'after'>,
  options: Partial<RegistryOptions> & { database?: { level: StoreLevel; writer: Pick<Writer, 'write'> } } = {},
): Promise<Registry> {
  const { database = memoryDatabase(), now, ...others } = options
  // Time that a test lets pass does so on both clocks, unless it says otherwise.
  const clocks = now === undefined ? {} : { now, elapsedMs: () => now().getTime() }
  await database.level.open()
  t.after(() => database.level.close())
  return await openRegistry(database, {
    registrationSecret: new Secret(SIGNING_SECRET),
    registrationIssuer: ISSUER,
    recipe: TL_GENERATOR,
    topicRoot: 'losant',
    deviceTopics: 'own',
    poolThreads: 4,
    loginQueue: 10_000,
    log: memoryLog(),
    ...clocks,
    ...others,
  })
}

/** A registration token that `aRegistry` accepts. */
export async function aToken(registry: Registry, terms: TokenTerms = {}): Promise<string> {
  const urls = { url: 'http://127.0.0.1/api/register-device', mqtt: 'mqtt://127.0.0.1' }
  return (await registry.tokens.create({ ...urls, terms })).token
}

/** A device that registered, with its secret as text. */
export async function aDevice(
  registry: Registry,
  manufacturerId = 'A1-0001',
): Promise<{ deviceId: string; accessKey: string; accessSecret: string }> {
  const { deviceId, accessKey, accessSecret } = await registry.registerDevice({
    token: await aToken(registry),
    manufacturerId,
  })
  return { deviceId, accessKey, accessSecret: accessSecret.reveal() }
}

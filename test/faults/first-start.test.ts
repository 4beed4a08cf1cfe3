import assert from 'node:assert/strict'
import { cpSync, existsSync } from 'node:fs'
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadConfig } from '../../config.ts'
import { openStore } from '../../open-store.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { aDevice, aToken } from '../support/registry.ts'

const open = (cwd: string) => openStore(loadConfig({ env: {}, cwd }).config, { log: memoryLog(), poolThreads: 4 })

/** Calls `look` before everything that is asked of the file system, until the test ends. */
function beforeEveryStep(t: TestContext, look: () => void): void {
  for (const name of ['chmod', 'link', 'open', 'readFile', 'rename', 'rm', 'writeFile'] as const) {
    const call = files[name] as (...given: unknown[]) => unknown
    t.mock.method(files, name, (...given: unknown[]) => {
      look()
      return call(...given)
    })
  }
  // For `import { open } from 'node:fs/promises'`.
  syncBuiltinESMExports()
}

test('a first start that is cut off at any step is begun again by the next, with nothing lost and nothing missing', async (t) => {
  const parent = await aFolder(t)
  const cwd = join(parent, 'whole')
  await files.mkdir(cwd)
  const remains: string[] = []
  beforeEveryStep(t, () => {
    const copy = join(parent, `cut-${remains.length}`)
    cpSync(cwd, copy, { recursive: true })
    remains.push(copy)
  })
  await (await open(cwd)).database.close()
  t.mock.restoreAll()
  syncBuiltinESMExports()

  assert.ok(remains.some((folder) => existsSync(join(folder, 'mooring-data', 'store'))))
  for (const folder of remains) {
    const first = await open(folder)
    const credentials = await aDevice(first.registry, 'A1-0001')
    const token = await aToken(first.registry)
    await first.database.close()

    const second = await open(folder)
    assert.equal(second.database.created, false)
    assert.equal(second.registry.devices.get('A1-0001').id, credentials.deviceId)
    await second.registry.tokens.verify(token)
    await second.database.close()
  }
})

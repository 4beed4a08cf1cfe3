import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '../../storage/index.ts'
import { aFolder } from '../support/folder.ts'
import { aRegistry, aToken } from '../support/registry.ts'

// On LevelDB: a store in memory compares whole texts, whatever they are made of.
for (const character of ['a', 'ü', '€', '😀']) {
  test(`every new ID made of ${character} registers, and finds its own device`, async (t) => {
    const database = await openDatabase(await aFolder(t))
    t.after(() => database.close())
    const registry = await aRegistry(t, { database })
    const token = await aToken(registry)
    const ids = ['', 'x', 'xx'].flatMap((start) =>
      Array.from({ length: 80 }, (_, index) => start + character.repeat(index + 1)),
    )
    for (const manufacturerId of ids) {
      const { deviceId } = await registry.registerDevice({ token, manufacturerId })
      assert.equal(registry.devices.get(manufacturerId).id, deviceId)
    }
    for (const manufacturerId of ids) {
      assert.equal(registry.devices.get(manufacturerId).manufacturerId, manufacturerId)
      await assert.rejects(registry.registerDevice({ token, manufacturerId }), {
        code: 'ERR_DEVICE_ALREADY_REGISTERED',
      })
    }
  })
}

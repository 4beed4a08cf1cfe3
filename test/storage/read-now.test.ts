import assert from 'node:assert/strict'
import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { readNow, type StoreLevel } from '../../storage/index.ts'
import { aFolder } from '../support/folder.ts'

const stores: readonly { name: string; make: (t: TestContext) => Promise<StoreLevel> }[] = [
  { name: 'LevelDB', make: async (t) => new Level(join(await aFolder(t), 'store')) },
  { name: 'memory', make: async () => new MemoryLevel() },
]
for (const { name, make } of stores) {
  // One character after another does not fit whole into what is left of a buffer that an earlier, short key has sized.
  for (const filling of ['', 'x', 'xx', 'xxx', 'xxxx', 'xxxxx', 'xxxxxx', 'xxxxxxx']) {
    test(`${name}: a key of large characters after ${filling.length} small ones finds its own value and no other`, async (t) => {
      const level = await make(t)
      const room = level.sublevel('room')
      t.after(() => level.close())
      await room.open()
      assert.equal(readNow(room, 'a'), undefined)
      const keys = Array.from({ length: 60 }, (_, length) => filling + '😀'.repeat(length + 1))
      for (const key of keys.slice(0, -1)) await room.put(key, key)
      assert.equal(readNow(room, keys.at(-1)!), undefined, 'a key that is not there')
      for (const key of keys.slice(0, -1).toReversed()) assert.equal(readNow(room, key), key)
    })
  }
}

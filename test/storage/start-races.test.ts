import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { openDatabase } from '../../storage/index.ts'
import { aFolder } from '../support/folder.ts'

/**
 * Opens the folder that a line names. Before its nth call to the file system it says `paused` and waits for a line;
 * at the end it says `open`, or why not. An empty line closes.
 */
const OPENER = `
  import fs from 'node:fs/promises'
  import { syncBuiltinESMExports } from 'node:module'
  import { createInterface } from 'node:readline'

  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const asked = async () => (await lines.next()).value
  let left
  for (const name of ['chmod', 'link', 'mkdir', 'open', 'readdir', 'readFile', 'rename', 'rm', 'stat', 'writeFile']) {
    const call = fs[name]
    fs[name] = async (...given) => {
      if (left-- === 0) {
        console.log('paused')
        await asked()
      }
      return await call(...given)
    }
  }
  syncBuiltinESMExports()
  const { openDatabase } = await import(${JSON.stringify(new URL('../../storage/index.js', import.meta.url).href)})

  for (;;) {
    const { folder, pauseBefore } = JSON.parse(await asked())
    left = pauseBefore
    try {
      const database = await openDatabase(folder)
      console.log('open')
      await asked()
      await database.close()
      console.log('closed')
    } catch (error) {
      console.log((error.code ?? error.name) + ': ' + error.message.split('\\n')[0])
    }
  }`

/** The opener in a process of its own; asked a line, it answers one. */
function anOpener(t: TestContext): (line: string) => Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', OPENER], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async (line) => {
    child.stdin.write(`${line}\n`)
    return String((await answers.next()).value)
  }
}

/** Calls `between` with a new folder for every step of the start of another process, which goes on afterwards. */
async function atEveryStep(
  t: TestContext,
  between: (folder: string, goOn: () => Promise<string>, step: string) => Promise<void>,
): Promise<void> {
  const parent = await aFolder(t)
  const ask = anOpener(t)
  for (let step = 0; ; step++) {
    const folder = join(parent, `data-${step}`)
    const answer = await ask(JSON.stringify({ folder, pauseBefore: step }))
    if (answer === 'open') {
      assert.ok(step > 10, `${step} steps were tried`)
      return
    }
    assert.equal(answer, 'paused')
    await between(folder, () => ask(''), `step ${step}`)
  }
}

async function countStarts(folder: string): Promise<number> {
  const database = await openDatabase(folder)
  await database.close()
  return database.bootNumber
}

test('of two processes that start in one new folder one gets it, whichever step of the other it comes into', async (t) => {
  await atEveryStep(t, async (folder, goOn, step) => {
    const mine = await openDatabase(folder).catch((error: Error) => error)
    const identity = await readFile(join(folder, 'mooring.json'), 'utf8')
    const answer = await goOn()
    if (mine instanceof Error) {
      assert.match(mine.message, /^The store .* is in use by /, step)
      assert.equal(answer, 'open', step)
      assert.equal(await goOn(), 'closed', step)
    } else {
      assert.match(answer, /^ERR_STORE_IN_USE: /, step)
      assert.match(identity, /"ready"/, step)
      assert.equal(await readFile(join(folder, 'mooring.json'), 'utf8'), identity, step)
      await mine.close()
    }
    assert.equal(await countStarts(folder), 2, step)
  })
})

test('a start in a new folder goes on over what another process made of it meanwhile, and left', async (t) => {
  await atEveryStep(t, async (folder, goOn, step) => {
    const first = await openDatabase(folder).catch((error: Error) => error)
    if (!(first instanceof Error)) {
      await first.writer.write([{ type: 'put', key: 'a', value: 'b' }])
      await first.close()
    }
    assert.equal(await goOn(), 'open', step)
    assert.equal(await goOn(), 'closed', step)
    const again = await openDatabase(folder)
    assert.equal(await again.level.get('a'), first instanceof Error ? undefined : 'b', step)
    await again.close()
  })
})

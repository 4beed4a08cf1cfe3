import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { projectFolder } from '../support/folder.ts'
import { startMooring } from '../support/server.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { takePicture } from './support/layout.ts'
import { firstOperator } from './support/operator.ts'
import { evaluate, open } from './support/pages.ts'
import { visit, type VisitOptions } from './support/visit.ts'

const browser = sharedBrowser()
const options = { skip: needsPage(), timeout: 300_000 }

const ALL_OF_UPLOT = readFileSync(join(projectFolder, 'node_modules/uplot/dist/uPlot.esm.js'), 'utf8')

const STEPS = 288
const wave = (height: number, pace: number): number[] =>
  Array.from({ length: STEPS }, (_, step) => Math.round(height * (1 + Math.sin(step / pace))) / 2)

/** A day that ended at a certain time, in which the server did not run for hours: the same whenever it is drawn. */
const DAY = {
  times: Array.from({ length: STEPS }, (_, step) => 1_790_000_100 + (step + (step < 200 ? 0 : 30)) * 300),
  connected: wave(12_345, 40),
  messagesIn: wave(900, 9),
  messagesOut: wave(2_400_000, 23),
  registrations: wave(3, 5),
  refused: wave(0, 5),
}

const CANVASES = `Array.from(document.querySelectorAll('.chart canvas'), (canvas) => canvas.toDataURL())`

async function drawn(page: Page): Promise<string[]> {
  await page.route('**/admin/v1/history*', (route) => route.fulfill({ json: DAY }))
  await open(page, '/', 'Overview')
  await page.locator('.chart canvas').nth(2).waitFor()
  // What is drawn last is drawn in a frame of its own.
  await evaluate(page, 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
  return evaluate<string[]>(page, CANVASES)
}

const LOOKS: readonly VisitOptions[] = [{ theme: 'light' }, { theme: 'dark', width: 360 }]

test(
  'the charts are those that all of uPlot draws, and nothing that a pointer does disturbs them',
  options,
  async (t) => {
    const server = await startMooring(t)
    const { cookie } = await firstOperator(server)
    for (const look of LOOKS) {
      const { page } = await visit(t, await browser(), server.url('http'), { ...look, cookie })
      const ours = await drawn(page)
      const box = page.locator('.chart .plot').first()
      for (const move of [() => box.hover(), () => box.dblclick(), () => page.mouse.wheel(0, 200)]) await move()
      await takePicture(page, `chart-${look.width ?? 1280}-${look.theme}`)
      assert.deepEqual(await evaluate<string[]>(page, CANVASES), ours)

      const { page: other } = await visit(t, await browser(), server.url('http'), { ...look, cookie })
      let isLoaded = false
      await other.route('**/assets/uPlot*.js', (route) => {
        isLoaded = true
        return route.fulfill({ contentType: 'text/javascript', body: ALL_OF_UPLOT })
      })
      const theirs = await drawn(other)
      assert.ok(isLoaded)
      assert.equal(ours.length, 3)
      assert.equal(new Set(ours).size, 3)
      assert.deepEqual(ours, theirs)
    }
  },
)

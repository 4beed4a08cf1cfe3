import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storm } from '../../bench/event-storm.ts'
import { startMooring } from '../support/server.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { firstOperator } from './support/operator.ts'
import { evaluate, open } from './support/pages.ts'
import { visit } from './support/visit.ts'

const browser = sharedBrowser()

const RATE = 1000
const SECONDS = 5
const LONGEST_TASK_MS = 200
/** On a machine that is busy with something else the page is not to blame for the worst of them. */
const TRIES = 3
const MOST_ELEMENTS = 2000

const WATCH_TASKS = `globalThis.longTasks = []
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longTasks.push(duration)
}).observe({ type: 'longtask' })`

test(
  'a thousand events a second neither freeze the page nor fill it up',
  { skip: needsPage(), timeout: 300_000 },
  async (t) => {
    const server = await startMooring(t)
    const { cookie } = await firstOperator(server)
    const { page } = await visit(t, await browser(), server.url('http'), { cookie })
    await open(page, '/', 'Overview')
    await page.getByText('Live', { exact: true }).waitFor()
    await evaluate(page, WATCH_TASKS)
    const worst: number[] = []
    while (worst.length < TRIES && !worst.some((longest) => longest < LONGEST_TASK_MS)) {
      await evaluate(page, 'longTasks.length = 0')
      assert.equal(await storm(server.addresses.http?.port ?? 0, { rate: RATE, seconds: SECONDS }), RATE * SECONDS)
      worst.push(await evaluate<number>(page, 'Math.max(0, ...longTasks)'))
    }
    assert.ok(Math.min(...worst) < LONGEST_TASK_MS, `the longest tasks were ${worst.join(', ')} ms`)
    // It was looking: what it counts has come.
    await page
      .getByText(/registration refused/i)
      .first()
      .waitFor()
    const elements = await evaluate<number>(page, `document.getElementsByTagName('*').length`)
    assert.ok(elements < MOST_ELEMENTS, `${elements} elements`)
  },
)

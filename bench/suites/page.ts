import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { chromium, type Browser, type Page } from 'playwright-core'
import { newPath, type Bench } from '../bench.ts'
import { startMooring, type Mooring } from '../brokers/mooring.ts'
import { chromiumArgs, findChromium } from '../chromium.ts'
import { storm } from '../event-storm.ts'
import { makeLargeStore } from '../large-store.ts'
import { bundleSize } from '../page-bundle.ts'
import { uiFolder } from '../places.ts'
import { Tally } from '../tally.ts'
import type { Suite } from './suite.ts'

const DEVICES = 100_000
const RATE = 1000
const SECONDS = 5
/** So many listen that what one of them costs stands out from what making the events costs. */
const LISTENERS = 50

const BUNDLE = { what: 'what opening the page loads, gzipped', unit: 'kB', better: 'lower' } as const
const WHOLE = { what: 'all files of the page but /docs, gzipped', unit: 'kB', better: 'lower' } as const
const PAINT = { what: 'Overview with 100,000 devices: first paint', unit: 's', better: 'lower' } as const
const FIGURES = { what: 'Overview with 100,000 devices: its figures are there', unit: 's', better: 'lower' } as const
const TASK = { what: '1,000 events/s: longest task of the page', unit: 'ms', better: 'lower' } as const
const COST = { what: '1,000 events/s: broker CPU for each open page', unit: '% of a core', better: 'lower' } as const

/** The operator's page in a browser, and what one that is open costs the broker. */
export const page: Suite = {
  name: 'page',
  title: 'The operator’s page',
  async run(bench) {
    const tally = new Tally()
    const { opened, whole } = bundleSize(uiFolder)
    tally.add(BUNDLE, 'Mooring', opened / 1000)
    tally.add(WHOLE, 'Mooring', whole / 1000)
    const executablePath = findChromium()
    if (executablePath === undefined) {
      tally.note('There is no Chromium (Debian: apt install chromium), so nothing was looked at.')
    } else {
      bench.say('a store of 100,000 devices is made')
      const { data } = await makeLargeStore(bench.folder, { devices: DEVICES })
      const browser = await chromium.launch({ executablePath, args: chromiumArgs() })
      try {
        await measure(bench, tally, data, browser)
      } finally {
        await browser.close()
      }
    }
    tally.note('Browsers tell of tasks from 50 ms on: 0 is none as long as that.')
    return {
      rows: tally.rows,
      notes: tally.notes,
      goals: [
        { row: WHOLE.what, of: 'Mooring', atMost: 60 },
        { row: PAINT.what, of: 'Mooring', atMost: 1 },
        { row: TASK.what, of: 'Mooring', atMost: 200 },
        { row: COST.what, of: 'Mooring', atMost: 5 },
      ],
    }
  },
}

async function measure(bench: Bench, tally: Tally, data: string, browser: Browser): Promise<void> {
  const password = 'a sentence that is long enough'
  const passwordFile = newPath(bench.folder, 'admin-password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  const server = await startMooring({
    data,
    folder: bench.folder,
    cores: [bench.cores.broker],
    settings: { MOORING_ADMIN_PASSWORD_FILE: passwordFile },
  })
  try {
    const cookie = await logIn(server, password)
    // What the first requests cost is the compiler's.
    await cpuOfStorm(server)
    for (let repeat = 1; repeat <= bench.repeats; repeat++) {
      bench.say(`page, repeat ${repeat}`)
      await measurePage(tally, server, cookie, browser)
      await measureCost(tally, server, cookie)
    }
  } finally {
    await server.stop()
  }
}

async function logIn({ httpPort }: Mooring, password: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/admin/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'admin', password }),
  })
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0]
  if (cookie === undefined) throw new Error(`The login was answered ${response.status}.`)
  return cookie
}

/** Expressions, not functions: they run in the browser. The moment is the frame after the text came. */
const WATCH = `globalThis.longTasks = []
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longTasks.push(duration)
}).observe({ type: 'longtask' })
new MutationObserver((_changes, observer) => {
  if (!/100[,.\\u202f]?000/.test(document.body?.innerText ?? '')) return
  observer.disconnect()
  requestAnimationFrame(() => (globalThis.figuresAt = performance.now()))
}).observe(document, { childList: true, subtree: true, characterData: true })`

/** A window without a cache, as whoever opens the page for the first time has it. */
async function measurePage(tally: Tally, { httpPort }: Mooring, cookie: string, browser: Browser): Promise<void> {
  const url = `http://127.0.0.1:${httpPort}`
  const context = await browser.newContext({ locale: 'en-GB' })
  const [name = '', value = ''] = cookie.split('=')
  await context.addCookies([{ name, value, url }])
  await context.addInitScript({ content: WATCH })
  const opened = await context.newPage()
  await opened.goto(url)
  await opened.getByText('100,000').first().waitFor()
  tally.add(FIGURES, 'Mooring', (await numberOf(opened, 'figuresAt ?? performance.now()')) / 1000)
  const paint = await numberOf(opened, `performance.getEntriesByName('first-contentful-paint')[0].startTime`)
  tally.add(PAINT, 'Mooring', paint / 1000)
  await opened.getByText('Live', { exact: true }).waitFor()
  await numberOf(opened, 'longTasks.length = 0')
  await storm(httpPort, { rate: RATE, seconds: SECONDS })
  tally.add(TASK, 'Mooring', await numberOf(opened, 'Math.max(0, ...longTasks)'))
  await context.close()
}

const numberOf = (opened: Page, expression: string): Promise<number> => opened.evaluate<number>(expression)

/** What the broker uses with pages that listen, less what the same events cost it without. */
async function measureCost(tally: Tally, server: Mooring, cookie: string): Promise<void> {
  const alone = await cpuOfStorm(server)
  const closing = await Promise.all(Array.from({ length: LISTENERS }, () => listen(server, cookie)))
  const watched = await cpuOfStorm(server)
  for (const close of closing) close()
  tally.add(COST, 'Mooring', ((watched - alone) / LISTENERS / SECONDS) * 100)
}

async function cpuOfStorm({ httpPort, pid }: Mooring): Promise<number> {
  const before = cpuSecondsOf(pid)
  const answered = await storm(httpPort, { rate: RATE, seconds: SECONDS })
  if (answered !== RATE * SECONDS) throw new Error(`${answered} of ${RATE * SECONDS} events were made.`)
  return cpuSecondsOf(pid) - before
}

/** To the broker a page that is open is a stream of events. */
const listen = ({ httpPort }: Mooring, cookie: string): Promise<() => void> =>
  new Promise((resolve, reject) => {
    const request = get({ port: httpPort, path: '/admin/v1/events', headers: { cookie } }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`A listener was answered ${String(response.statusCode)}.`))
      response.once('data', () => resolve(() => request.destroy()))
    })
    request.on('error', reject)
  })

/** User and system time. The name in brackets may hold anything, so what counts is behind it. Source: proc(5), `/proc/pid/stat`. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  // 100 ticks a second on every Linux that Node runs on.
  return (Number(fields[11]) + Number(fields[12])) / 100
}

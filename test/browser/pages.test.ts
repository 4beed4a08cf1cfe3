import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { startMooring } from '../support/server.ts'
import { violationsOf } from './support/accessibility.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { sticksOut, takePicture } from './support/layout.ts'
import { firstOperator } from './support/operator.ts'
import { open, PAGES } from './support/pages.ts'
import { stocked } from './support/stocked.ts'
import { visit } from './support/visit.ts'

const browser = sharedBrowser()
const options = { skip: needsPage(), timeout: 300_000 }

const LOOKS = [
  { theme: 'light', width: 1280 },
  { theme: 'light', width: 360 },
  { theme: 'dark', width: 1280 },
  { theme: 'dark', width: 360 },
] as const

/** Questions that lie over a page, and the buttons that ask them. */
const DIALOGS = [
  { on: 'devices-found', button: /^Disable/ },
  { on: 'registration', button: 'Create a token' },
  { on: 'registration', button: /^Limit/ },
  { on: 'registration', button: /^Revoke/ },
  { on: 'allow-list', button: 'Expect one more' },
  { on: 'approvals', button: /^Refuse all/ },
  { on: 'security', button: 'Add an account' },
  { on: 'security', button: 'Create an API token' },
  { on: 'security', button: 'Create a service key' },
  { on: 'device', button: 'Add a tag' },
  { on: 'device', button: /^Rotate/ },
  { on: 'device', button: /^Delete/ },
] as const

/** Everything that is amiss with what is seen now. */
async function faultsOf(page: Page, name: string): Promise<string[]> {
  const faults = [...(await violationsOf(page)), ...(await sticksOut(page)).map((html) => `sticks out: ${html}`)]
  return faults.map((fault) => `${name}: ${fault}`)
}

test(
  'every page and every dialog is free of what axe-core objects to, and as narrow as a telephone',
  { ...options, timeout: 900_000 },
  async (t) => {
    const { server, operator, devicePath } = await stocked(t)
    const found = { name: 'devices-found', path: '/devices?tag=site%3Doslo', title: 'Devices' }
    const pages = [...PAGES, found, { name: 'device', path: devicePath, title: 'PUMP-0001' }]
    for (const { theme, width } of LOOKS) {
      await t.test(`${theme}, ${width} px`, async (one) => {
        const { page } = await visit(one, await browser(), server.url('http'), {
          cookie: operator.cookie,
          theme,
          width,
        })
        const faults: string[] = []
        for (const { name, path, title } of pages) {
          await open(page, path, title)
          const picture = `${name}-${width}${theme === 'dark' ? '-dark' : ''}`
          faults.push(...(await faultsOf(page, picture)))
          await takePicture(page, picture)
          for (const { button } of DIALOGS.filter(({ on }) => on === name)) {
            const named = typeof button === 'string' ? { name: button, exact: true } : { name: button }
            await page.getByRole('main').getByRole('button', named).first().click()
            await page.getByRole('dialog').waitFor()
            faults.push(...(await faultsOf(page, `${picture}, ${String(button)}`)))
            if (theme === 'light')
              await takePicture(page, `${name}-${String(button).replaceAll(/\W+/g, '-')}-${width}`, false)
            await page.keyboard.press('Escape')
            await page.getByRole('dialog').waitFor({ state: 'detached' })
          }
        }
        assert.deepEqual(faults, [])
      })
    }
  },
)

test('so are the pages for those who are not in yet', options, async (t) => {
  const server = await startMooring(t)
  for (const { theme, width } of LOOKS) {
    const { page, allow } = await visit(t, await browser(), server.url('http'), { theme, width })
    allow(/GET \/admin\/v1\/me 401/)
    await open(page, '/', 'Make the first account')
    assert.deepEqual(await faultsOf(page, 'setup'), [])
    if (theme === 'light') await takePicture(page, `setup-${width}`)
  }
  await firstOperator(server)
  for (const { theme, width } of LOOKS) {
    const { page, allow } = await visit(t, await browser(), server.url('http'), { theme, width })
    allow(/GET \/admin\/v1\/me 401/)
    await open(page, '/', 'Log in')
    assert.deepEqual(await faultsOf(page, 'login'), [])
    if (theme === 'light') await takePicture(page, `login-${width}`)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMooring } from '../support/server.ts'
import { violationsOf } from './support/accessibility.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { takePicture } from './support/layout.ts'
import { firstOperator } from './support/operator.ts'
import { open, PAGES } from './support/pages.ts'
import { visit } from './support/visit.ts'

const browser = sharedBrowser()

/** What a page without content says, and where it leads on. */
const SAYS: Readonly<Partial<Record<(typeof PAGES)[number]['name'], { text: RegExp; next?: string }>>> = {
  overview: { text: /No device has registered yet/, next: 'Connect your first device' },
  devices: { text: /No device has registered yet/, next: 'Connect your first device' },
  registration: { text: /Nobody was refused\./ },
  'allow-list': { text: /Import a CSV file/ },
  approvals: { text: /Devices wait here when the server runs with/ },
  security: { text: /There is no API token; programs use one/ },
}

test('a page without content says what to do next', { skip: needsPage(), timeout: 300_000 }, async (t) => {
  const server = await startMooring(t)
  const { cookie } = await firstOperator(server)
  const { page } = await visit(t, await browser(), server.url('http'), { cookie })
  for (const { name, path, title } of PAGES) {
    await open(page, path, title)
    const says = SAYS[name]
    if (says === undefined) continue
    await page.getByText(says.text).first().waitFor()
    assert.deepEqual(await violationsOf(page), [], name)
    await takePicture(page, `${name}-empty-1280`)
    if (says.next === undefined) continue
    await page.getByRole('link', { name: says.next }).first().click()
    await page.getByRole('dialog', { name: 'Create a registration token' }).waitFor()
  }
})

test('a search that finds nothing leads back to everything', { skip: needsPage(), timeout: 300_000 }, async (t) => {
  const server = await startMooring(t)
  const { cookie } = await firstOperator(server)
  await server.register('PUMP-0001')
  const { page } = await visit(t, await browser(), server.url('http'), { cookie })
  await open(page, '/devices?prefix=VALVE', 'Devices')
  await page.getByText('No device matches.').waitFor()
  await page.getByRole('link', { name: 'Show all devices' }).click()
  await page.getByRole('row').filter({ hasText: 'PUMP-0001' }).waitFor()
})

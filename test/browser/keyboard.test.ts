import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMooring } from '../support/server.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { tabTo } from './support/keyboard.ts'
import { firstOperator, PASSWORD } from './support/operator.ts'
import { evaluate } from './support/pages.ts'
import { visit } from './support/visit.ts'

const browser = sharedBrowser()

test(
  'Tab and Enter alone lead from the login to a disabled device, and the focus is always seen',
  { skip: needsPage(), timeout: 300_000 },
  async (t) => {
    const server = await startMooring(t)
    const operator = await firstOperator(server)
    const { deviceId } = await server.register('PUMP-0001')
    const { page, allow } = await visit(t, await browser(), server.url('http'))
    allow(/GET \/admin\/v1\/me 401/)
    await page.goto('/')
    await page.getByLabel('Name').waitFor()
    const { keyboard } = page

    if (!(await evaluate<boolean>(page, `document.activeElement.name === 'name'`))) await tabTo(page, 'Name')
    await keyboard.type('ada')
    await tabTo(page, 'Password')
    await keyboard.type(PASSWORD)
    await keyboard.press('Enter')
    await page.getByRole('navigation', { name: 'Main' }).waitFor()

    await tabTo(page, 'Devices')
    await keyboard.press('Enter')
    await page.getByRole('row').filter({ hasText: 'PUMP-0001' }).waitFor()
    await tabTo(page, 'PUMP-0001')
    await keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'PUMP-0001' }).waitFor()
    await tabTo(page, /^Disable/)
    await keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()

    // Within the dialog the focus goes round and never behind it; Escape leaves everything as it was.
    for (let stop = 0; stop < 8; stop++) {
      await keyboard.press('Tab')
      assert.ok(
        await evaluate(
          page,
          `document.activeElement === document.body || document.activeElement.closest('dialog') !== null`,
        ),
      )
    }
    await keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.equal((await operator.ask('GET', `/devices/${deviceId}`))['disabled'], false)
    assert.ok(
      await evaluate(page, `document.activeElement !== document.body`),
      'the focus is back on what opened the dialog',
    )

    await keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await tabTo(page, /^Disable/)
    await keyboard.press('Enter')
    await page.getByRole('button', { name: 'Enable', exact: true }).waitFor()
    assert.equal((await operator.ask('GET', `/devices/${deviceId}`))['disabled'], true)
  },
)

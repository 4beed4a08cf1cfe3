import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMooring } from '../support/server.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { connectDevice, registerDevice } from './support/device.ts'
import { PASSWORD, setupOf } from './support/operator.ts'
import { evaluate } from './support/pages.ts'
import { visit } from './support/visit.ts'

const browser = sharedBrowser()

test(
  'from the setup code to a device that was cut off, without a reload',
  { skip: needsPage(), timeout: 300_000 },
  async (t) => {
    const server = await startMooring(t)
    const { page, allow } = await visit(t, await browser(), server.url('http'))
    allow(/GET \/admin\/v1\/me 401/)
    const { code, urls } = await setupOf(server)

    // The first account, and back in with its password.
    await page.goto(urls[0] ?? '/')
    const codeField = page.getByLabel('Setup code')
    if ((await codeField.inputValue()) === '') await codeField.fill(code)
    await page.getByLabel('Name').fill('ada')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Create the account' }).click()
    await page.getByRole('heading', { level: 1, name: 'Registration' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('Name').fill('ada')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('navigation', { name: 'Main' }).waitFor()
    await evaluate(page, 'globalThis.notReloaded = true')

    // A token, shown once.
    const go = (name: string) =>
      page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click()
    await go('Registration')
    await page.getByRole('button', { name: 'Create a token' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill('line-3')
    await dialog.getByText('Where devices find this server').click()
    await dialog.getByLabel('They connect to').fill(server.url('mqtt'))
    await dialog.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('Waiting for a device to register…').waitFor()
    const token = (await page.getByRole('region', { name: /registration token/ }).innerText()).trim()

    // The device registers where its token says; the light turns green.
    const credentials = await registerDevice(token, 'PUMP-0001')
    await page.getByText('PUMP-0001 has registered').waitFor()

    // Its row turns connected.
    await go('Devices')
    const row = page.getByRole('row').filter({ hasText: 'PUMP-0001' })
    await row.getByText('Not seen').waitFor()
    const device = await connectDevice(t, server.url('mqtt'), credentials)
    await row.getByText('Connected', { exact: true }).waitFor()

    // What it says is heard.
    const heard = page.waitForResponse((response) =>
      response.url().endsWith(`/devices/${credentials.deviceId}/messages`),
    )
    await row.getByRole('link', { name: 'PUMP-0001' }).click()
    await heard
    await device.publish({ rpm: 911 })
    await page.getByLabel('Messages').getByText('"rpm":911').waitFor()

    // What it is told arrives.
    await page.getByLabel('Name').fill('start')
    await page.getByLabel('Payload').fill('{"speed": 2}')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    const { name, payload } = (await device.command) as Readonly<Record<string, unknown>>
    assert.deepEqual({ name, payload }, { name: 'start', payload: { speed: 2 } })

    // It is lost: out at once.
    await page.getByRole('button', { name: 'Disable…', exact: true }).click()
    await dialog.getByText('Its connection ends').waitFor()
    await dialog.getByRole('button', { name: 'Disable', exact: true }).click()
    await device.cut
    await page.getByRole('button', { name: 'Enable', exact: true }).waitFor()
    await go('Devices')
    await row.getByText('Disabled').waitFor()
    await row.getByText('Offline').waitFor()

    // All of it is written down.
    await go('Journal')
    const journal = page.getByRole('table')
    for (const what of ['create token', 'registration', 'send command', 'disable device']) {
      await journal.getByRole('row').filter({ hasText: what }).first().waitFor()
    }
    assert.equal(await evaluate(page, 'globalThis.notReloaded'), true)
  },
)

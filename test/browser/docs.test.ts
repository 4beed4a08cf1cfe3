import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMooring } from '../support/server.ts'
import { violationsOf } from './support/accessibility.ts'
import { needsPage, sharedBrowser } from './support/chromium.ts'
import { sticksOut, takePicture } from './support/layout.ts'
import { firstOperator } from './support/operator.ts'
import { visit } from './support/visit.ts'

const browser = sharedBrowser()

const LOOKS = [
  { theme: 'light', width: 1280 },
  { theme: 'light', width: 360 },
  { theme: 'dark', width: 1280 },
  { theme: 'dark', width: 360 },
] as const

test(
  'the page of the API is free of what axe-core objects to, and is drawn with nothing from elsewhere',
  { skip: needsPage(), timeout: 300_000 },
  async (t) => {
    const server = await startMooring(t)
    const { cookie } = await firstOperator(server)
    for (const look of LOOKS) {
      await t.test(`${look.theme}, ${look.width} px`, async (one) => {
        const { page } = await visit(one, await browser(), server.url('http'), { ...look, cookie })
        await page.goto('/docs')
        await page.getByText('/admin/v1/devices', { exact: true }).first().waitFor()
        const picture = `docs-${look.width}${look.theme === 'dark' ? '-dark' : ''}`
        await takePicture(page, picture, false)
        const faults = [...(await violationsOf(page)), ...(await sticksOut(page))]
        // One that asks for something in its address and its body.
        await page.getByText('/admin/v1/devices/{device}/tags', { exact: true }).first().click()
        await page.getByRole('button', { name: 'Try it out' }).waitFor()
        await page.getByText('/admin/v1/devices/{device}/tags', { exact: true }).first().scrollIntoViewIfNeeded()
        await takePicture(page, `${picture}-open`, false)
        faults.push(...(await violationsOf(page)), ...(await sticksOut(page)))
        assert.deepEqual(faults, [])
      })
    }
  },
)

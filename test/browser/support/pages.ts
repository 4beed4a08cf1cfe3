import type { Page } from 'playwright-core'

/** The pages that whoever is logged in can go to, by the names of their pictures. */
export const PAGES = [
  { name: 'overview', path: '/', title: 'Overview' },
  { name: 'devices', path: '/devices', title: 'Devices' },
  { name: 'registration', path: '/registration', title: 'Registration' },
  { name: 'allow-list', path: '/allow-list', title: 'Allow-list' },
  { name: 'approvals', path: '/approvals', title: 'Approvals' },
  { name: 'journal', path: '/journal', title: 'Journal' },
  { name: 'security', path: '/security', title: 'Security' },
  { name: 'system', path: '/system', title: 'System' },
] as const

/** Goes to a page, and waits until it shows what it loads. */
export async function open(page: Page, path: string, title: string): Promise<void> {
  await page.goto(path)
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor()
  await settled(page)
}

/** Until nothing on it waits for an answer any more. */
export async function settled(page: Page): Promise<void> {
  for (;;) {
    const waiting = page.getByText(/^(Loading|Looking|Counting)…/).first()
    if ((await waiting.count()) === 0) return
    await waiting.waitFor({ state: 'detached' })
  }
}

/** Of expressions, not functions: those would be typed as if they ran here. */
export const evaluate = <T>(page: Page, expression: string): Promise<T> => page.evaluate<T>(expression)

import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'

/** What axe-core has to say against the page as it is now: rule, what it means, and on which elements. */
export async function violationsOf(page: Page): Promise<string[]> {
  // Without frames there is nothing to gather from, and no second window to gather it in.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze()
  return violations.map(({ id, help, nodes }) => {
    const where = nodes.map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`)
    return `${id}: ${help}\n  ${where.join('\n  ')}`
  })
}

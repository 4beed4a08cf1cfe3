import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { projectFolder } from '../../support/folder.ts'
import { evaluate } from './pages.ts'

const PICTURES = join(projectFolder, 'dist', 'screenshots')

/** What sticks out of the window at the right, when the page is wider than that. */
export const sticksOut = (page: Page): Promise<string[]> =>
  evaluate(
    page,
    `document.documentElement.scrollWidth <= innerWidth ? [] : Array.from(document.querySelectorAll('body *'))
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
      .map((element) => element.outerHTML.slice(0, 120))
      .slice(0, 5)`,
  )

/** For whoever changes the page to look at: dist/screenshots/NAME.png. */
export async function takePicture(page: Page, name: string, isWhole = true): Promise<void> {
  await mkdir(PICTURES, { recursive: true })
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: isWhole, animations: 'disabled' })
}

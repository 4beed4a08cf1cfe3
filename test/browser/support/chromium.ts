import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'
import { chromium, type Browser } from 'playwright-core'
import { chromiumArgs, CHROMIUM_PLACES, findChromium } from '../../../bench/chromium.ts'
import { needsDebian } from '../../support/debian.ts'
import { projectFolder } from '../../support/folder.ts'

/** Where the built page is. */
export const UI_FOLDER = join(projectFolder, 'dist', 'ui')

/** For `{ skip: … }`: false when there is a browser, else the reason that the report shows. */
export const needsChromium = (): string | false =>
  findChromium() === undefined && needsDebian('chromium', CHROMIUM_PLACES[0])

/** The same for a test that shows the page in it. In CI it was built before, and a missing one fails. */
export function needsPage(): string | false {
  if (process.env['CI'] || existsSync(join(UI_FOLDER, 'index.html'))) return needsChromium()
  return 'needs dist/ui: npm run build'
}

export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error(`There is no Chromium: apt install chromium, or MOORING_CHROMIUM=…`)
  return chromium.launch({ executablePath, args: chromiumArgs() })
}

/** One browser for all tests of a file, started when the first needs it. */
export function sharedBrowser(): () => Promise<Browser> {
  let browser: Promise<Browser> | undefined
  after(async () => (await browser)?.close())
  return () => (browser ??= launchChromium())
}

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { evaluate } from './pages.ts'

interface Focus {
  readonly name: string
  readonly isVisible: boolean
}

const FOCUS = `(() => {
  const element = document.activeElement
  const label = element.labels?.[0]?.innerText ?? element.getAttribute('aria-label') ?? element.innerText ?? ''
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element)
  const box = element.getBoundingClientRect()
  const isDrawn = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none'
  const isOnScreen = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth
  return { name: label.trim().replace(/\\s+/g, ' '), isVisible: isDrawn && isOnScreen }
})()`

const MOST_STOPS = 120

/** Presses Tab until that has the focus; at every stop whoever looks can see where the focus is. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const passed: string[] = []
  const isIt = (found: string): boolean => (typeof name === 'string' ? found === name : name.test(found))
  while (passed.length < MOST_STOPS) {
    await page.keyboard.press('Tab')
    const focus = await evaluate<Focus>(page, FOCUS)
    // Behind the last element the focus is on the browser itself for one stop.
    if (await evaluate<boolean>(page, 'document.activeElement === document.body')) continue
    assert.ok(focus.isVisible, `the focus cannot be seen on «${focus.name}» at ${page.url()}`)
    if (isIt(focus.name)) return
    passed.push(focus.name)
  }
  assert.fail(`Tab never came to ${String(name)}; it came by ${[...new Set(passed)].join(' | ')}`)
}

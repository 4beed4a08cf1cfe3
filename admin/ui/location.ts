import { computed, signal } from '@preact/signals'

export interface Location {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
}

const current = (): string => location.pathname + location.search

const url = signal(current())

const parsed = computed<Location>(() => {
  const { pathname, searchParams } = new URL(url.value, location.origin)
  return { path: pathname.replace(/\/+$/, '') || '/', query: Object.fromEntries(searchParams) }
})

/** Where the page is. Whoever reads it is drawn anew when it changes. */
export const here = (): Location => parsed.value

export function goTo(to: string, isReplacing = false): void {
  if (isReplacing) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  const from = here().path
  url.value = current()
  if (!isReplacing && here().path !== from) scrollTo(0, 0)
}

/** The same page with another search; what is empty is left out. */
export function search(path: string, wanted: Readonly<Record<string, string>>): void {
  const given = Object.entries(wanted).filter(([, value]) => value !== '')
  goTo(given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`)
}

const moved = (): void => void (url.value = current())

/** Links within the page, back and forward lead nowhere else. @returns a function that ends it. */
export function followLinks(): () => void {
  // Before the login it may have become another.
  moved()
  addEventListener('click', follow)
  addEventListener('popstate', moved)
  return () => {
    removeEventListener('click', follow)
    removeEventListener('popstate', moved)
  }
}

/** What else than a click opens a link, such as one in a new tab, is the browser's. */
function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (link === null || link.target !== '' || link.hasAttribute('download')) return
  if (link.origin !== location.origin || link.getAttribute('href')?.startsWith('#')) return
  if (/^\/(?:docs|admin)\b/.test(link.pathname)) return
  event.preventDefault()
  goTo(link.pathname + link.search + link.hash)
}

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { isLive } from '../live.ts'
import { logOut, session } from '../session.ts'

const PAGES = [
  ['/', 'Overview'],
  ['/devices', 'Devices'],
  ['/registration', 'Registration'],
  ['/allow-list', 'Allow-list'],
  ['/approvals', 'Approvals'],
  ['/journal', 'Journal'],
  ['/security', 'Security'],
  ['/system', 'System'],
] as const

export function Navigation() {
  const { path } = useLocation()
  const isOpen = useSignal(false)
  useEffect(() => {
    isOpen.value = false
  }, [path])
  const isHere = (to: string): boolean => (to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`))
  const me = session.value.kind === 'in' ? session.value.me : undefined
  return (
    <nav class={isOpen.value ? 'side open' : 'side'} aria-label="Main">
      <div class="brand">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>Mooring</span>
        <button type="button" class="menu" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
          Menu
        </button>
      </div>
      <div class="side-body">
        <ul>
          {PAGES.map(([to, text]) => (
            <li key={to}>
              <a href={to} aria-current={isHere(to) ? 'page' : undefined}>
                {text}
              </a>
            </li>
          ))}
          <li>
            <a href="/docs" target="_self">
              API
            </a>
          </li>
        </ul>
        <div class="side-foot">
          <p class={isLive.value ? 'live on' : 'live'} role="status">
            {isLive.value ? 'Live' : 'Connecting…'}
          </p>
          {me === undefined ? null : (
            <p>
              {me.name} <span class="muted">({me.role})</span>
            </p>
          )}
          <button type="button" onClick={() => void logOut()}>
            Log out
          </button>
        </div>
      </div>
    </nav>
  )
}

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask } from '../api.ts'
import { changes, isLive } from '../live.ts'
import { here } from '../location.ts'
import { logOut, session } from '../session.ts'
import { countText } from '../words.ts'
import { Icon } from './icons.tsx'
import { useLoaded } from './loading.ts'

const PAGES = [
  ['/', 'Overview', 'overview'],
  ['/devices', 'Devices', 'devices'],
  ['/registration', 'Registration', 'registration'],
  ['/allow-list', 'Allow-list', 'list'],
  ['/approvals', 'Approvals', 'approvals'],
  ['/journal', 'Journal', 'journal'],
  ['/security', 'Security', 'security'],
  ['/system', 'System', 'system'],
] as const

export function Navigation() {
  const { path } = here()
  const isOpen = useSignal(false)
  useEffect(() => {
    isOpen.value = false
  }, [path])
  const isHere = (to: string): boolean => (to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`))
  return (
    <nav class={isOpen.value ? 'side open' : 'side'} aria-label="Main">
      <div class="brand">
        <img src="/icon.svg" alt="" width="26" height="26" />
        <span>Mooring</span>
        <button
          type="button"
          class="menu small"
          aria-expanded={isOpen.value}
          aria-controls="pages"
          onClick={() => (isOpen.value = !isOpen.value)}
        >
          Menu
        </button>
      </div>
      <div class="side-body" id="pages">
        <ul>
          {PAGES.map(([to, text, icon]) => (
            <li key={to}>
              <a href={to} aria-current={isHere(to) ? 'page' : undefined}>
                <Icon name={icon} />
                {text}
                {to === '/approvals' ? <WaitingApprovals /> : null}
              </a>
            </li>
          ))}
          <li class="apart">
            <a href="/docs">
              <Icon name="api" />
              API
            </a>
          </li>
        </ul>
        <Foot />
      </div>
    </nav>
  )
}

/** Whoever waits for a decision would wait for long if one had to look. */
function WaitingApprovals() {
  const status = useLoaded(() => ask('allowListStatus'), [changes.value])
  const waiting = status.value.value?.waitingApprovals ?? 0
  if (waiting === 0) return null
  return (
    <span class="tally">
      {countText(waiting)}
      <span class="hidden"> waiting</span>
    </span>
  )
}

function Foot() {
  const me = session.value.kind === 'in' ? session.value.me : undefined
  return (
    <div class="side-foot">
      <p class={isLive.value ? 'live on' : 'live'} role="status">
        {isLive.value ? 'Live' : 'Connecting…'}
      </p>
      {me === undefined ? null : (
        <p class="who">
          {me.name} <span class="muted">({me.role})</span>
        </p>
      )}
      <button type="button" class="small" onClick={() => void logOut()}>
        Log out
      </button>
    </div>
  )
}

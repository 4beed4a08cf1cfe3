import type { FunctionComponent } from 'preact'
import { useEffect, useLayoutEffect } from 'preact/hooks'
import { startLive, stopLive } from './live.ts'
import { followLinks, here } from './location.ts'
import { AllowListPage } from './pages/allow-list.tsx'
import { ApprovalsPage } from './pages/approvals.tsx'
import { DevicePage } from './pages/device.tsx'
import { DevicesPage } from './pages/devices.tsx'
import { JournalPage } from './pages/journal.tsx'
import { LoginPage } from './pages/login.tsx'
import { OverviewPage } from './pages/overview.tsx'
import { RegistrationPage } from './pages/registration.tsx'
import { SecurityPage } from './pages/security.tsx'
import { SetupPage } from './pages/setup.tsx'
import { SystemPage } from './pages/system.tsx'
import { Alert, Empty, Page } from './parts/layout.tsx'
import { Navigation } from './parts/navigation.tsx'
import { findSession, session } from './session.ts'

export function App() {
  const state = session.value
  if (state.kind === 'in') return <Shell />
  if (state.kind === 'setup') return <SetupPage isOpen={state.open} />
  if (state.kind === 'failed') return <Unreachable message={state.message} />
  if (state.kind === 'login') return <LoginPage />
  return <p class="gate muted">Loading…</p>
}

const Unreachable = ({ message }: { message: string }) => (
  <main class="gate">
    <section class="card">
      <h1>Mooring</h1>
      <Alert>{message}</Alert>
      <button type="button" onClick={() => void findSession()}>
        Try again
      </button>
    </section>
  </main>
)

const PAGES: Readonly<Record<string, FunctionComponent>> = {
  '/': OverviewPage,
  '/devices': DevicesPage,
  '/registration': RegistrationPage,
  '/allow-list': AllowListPage,
  '/approvals': ApprovalsPage,
  '/journal': JournalPage,
  '/security': SecurityPage,
  '/system': SystemPage,
}

function Shell() {
  useLayoutEffect(followLinks, [])
  useEffect(() => {
    startLive()
    return stopLive
  }, [])
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <div class="shell">
        <Navigation />
        <PageOf path={here().path} />
      </div>
    </>
  )
}

function PageOf({ path }: { path: string }) {
  const [, device] = /^\/devices\/([^/]+)$/.exec(path) ?? []
  if (device !== undefined) return <DevicePage id={decodeURIComponent(device)} />
  const Found = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined
  return Found === undefined ? <NothingHere /> : <Found />
}

const NothingHere = () => (
  <Page title="Nothing here">
    <Empty title="There is no such page.">
      <p>
        <a href="/">Back to the overview</a>
      </p>
    </Empty>
  </Page>
)

import { useState } from 'preact/hooks'
import { Field, Form } from '../parts/form.tsx'
import { Alert } from '../parts/layout.tsx'
import { findSession, setUp } from '../session.ts'

/** The first account. Nobody has one yet, so whoever has the code from the terminal is the owner of the machine. */
export function SetupPage({ isOpen }: { isOpen: boolean }) {
  const [code] = useState(takeCode)
  return (
    <main class="gate">
      <section class="card">
        <p class="wordmark">
          <img src="/icon.svg" alt="" width="28" height="28" />
          Mooring
        </p>
        <h1>Make the first account</h1>
        <p class="muted">
          The server printed a <strong>setup code</strong> when it started. With it you make the account that may
          everything.
        </p>
        {isOpen ? null : (
          <Alert kind="warn">
            <p>
              No code is good at present. On the machine that runs Mooring: <code>mooring admin setup-url</code>
            </p>
            <p>
              <button type="button" class="small" onClick={() => void findSession()}>
                I have a new one
              </button>
            </p>
          </Alert>
        )}
        <Form
          submit="Create the account"
          onSubmit={({ code: given = '', name = '', password = '' }) => setUp(given, name, password)}
        >
          <Field
            label="Setup code"
            name="code"
            required
            autoFocus={code === ''}
            defaultValue={code}
            autoComplete="off"
            placeholder="K7QM-2XPD"
            spellcheck={false}
          />
          <Field label="Name" name="name" required autoFocus={code !== ''} autoComplete="username" />
          <Field
            label="Password"
            name="password"
            type="password"
            required
            minLength={12}
            autoComplete="new-password"
            hint="At least 12 characters. A sentence is easier to remember than a riddle."
          />
        </Form>
      </section>
    </main>
  )
}

/** Behind the `#` no server and no log sees it; the history of the browser need not keep it either. */
function takeCode(): string {
  const code = decodeURIComponent(location.hash.slice(1))
  if (code !== '') history.replaceState(null, '', location.pathname)
  return code
}

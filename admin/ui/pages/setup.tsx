import { Field, Form } from '../parts/form.tsx'
import { Alert } from '../parts/layout.tsx'
import { findSession, setUp } from '../session.ts'

/** The first account. Nobody has one yet, so whoever has the code from the terminal is the owner of the machine. */
export const SetupPage = ({ isOpen }: { isOpen: boolean }) => (
  <main class="gate">
    <section class="card">
      <img src="/icon.svg" alt="" width="40" height="40" />
      <h1>Welcome to Mooring</h1>
      <p>
        The server printed a <strong>setup code</strong> when it started. With it you make the first account.
      </p>
      {isOpen ? null : (
        <Alert kind="warn">
          No code is good at present. Make one on the machine that runs Mooring: <code>mooring admin setup-url</code>{' '}
          <button type="button" onClick={() => void findSession()}>
            I have one
          </button>
        </Alert>
      )}
      <Form
        submit="Create the account"
        onSubmit={async ({ code = '', name = '', password = '' }) => {
          await setUp(code, name, password)
          history.replaceState(null, '', '/registration?first=1')
        }}
      >
        <Field label="Setup code" name="code" required autoFocus autoComplete="off" placeholder="K7QM-2XPD" spellcheck={false} />
        <Field label="Your name" name="name" required autoComplete="username" />
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

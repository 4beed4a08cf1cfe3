import { Field, Form } from '../parts/form.tsx'
import { logIn } from '../session.ts'

export const LoginPage = () => (
  <main class="gate">
    <section class="card">
      <p class="wordmark">
        <img src="/icon.svg" alt="" width="28" height="28" />
        Mooring
      </p>
      <h1>Log in</h1>
      <Form submit="Log in" onSubmit={({ name = '', password = '' }) => logIn(name, password)}>
        <Field label="Name" name="name" autoComplete="username" required autoFocus />
        <Field label="Password" name="password" type="password" autoComplete="current-password" required />
      </Form>
      <p class="hint">
        Forgotten? On the machine that runs Mooring: <code>mooring admin passwd NAME</code>
      </p>
    </section>
  </main>
)

import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { Form, type Values } from './form.tsx'
import { Alert } from './layout.tsx'
import { useIsOver } from './loading.ts'

/** A question over the page. The browser keeps the focus in it, and Escape closes it. */
export function Dialog(props: { title: string; close: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = box.current
    const before = document.activeElement
    dialog?.showModal()
    // The focus goes back to where it was: by ourselves, as the browser does it for dialogs that are still there alone.
    return () => {
      dialog?.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  // Whether it goes is for its owner to say.
  const cancel = (event: Event): void => {
    event.preventDefault()
    props.close()
  }
  return (
    <dialog ref={box} aria-labelledby={id} onCancel={cancel}>
      <h2 id={id}>{props.title}</h2>
      {props.children}
    </dialog>
  )
}

/** Says what it will do, and to what, before it does. */
export function Confirm(props: {
  title: string
  children: ComponentChildren
  submit: string
  isDanger?: boolean
  isReady?: boolean
  act: (values: Values) => Promise<unknown>
  close: () => void
}) {
  const isOver = useIsOver()
  return (
    <Dialog title={props.title} close={props.close}>
      <Form
        submit={props.submit}
        isDanger={props.isDanger ?? true}
        isReady={props.isReady ?? true}
        cancel={props.close}
        onSubmit={async (values) => {
          await props.act(values)
          // It was cancelled meanwhile, and another may be open by now.
          if (!isOver()) props.close()
        }}
      >
        <div class="prose">{props.children}</div>
      </Form>
    </Dialog>
  )
}

/** What is shown once. It does not go away by a stray Escape. */
export const Shown = (props: { title: string; close: () => void; children: ComponentChildren }) => (
  <Dialog title={props.title} close={() => {}}>
    <Alert kind="warn">This is shown once: only a hash of it is kept. Copy it now.</Alert>
    {props.children}
    <div class="actions">
      <button type="button" class="primary" onClick={props.close}>
        I have copied it
      </button>
    </div>
  </Dialog>
)

/** Text to take elsewhere. */
export function Copyable({ label, text }: { label: string; text: string }) {
  const isCopied = useSignal(false)
  const isRefused = useSignal(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text)
    isCopied.value = true
    setTimeout(() => (isCopied.value = false), 2000)
  }
  const tryToCopy = (): void => {
    copy().catch(() => (isRefused.value = true))
  }
  // Browsers give pages that came over plain http no clipboard.
  const canCopy = 'clipboard' in navigator
  return (
    <div class="copyable">
      <p class="copy-label">{label}</p>
      <div class="copy-row">
        <pre tabIndex={0} role="region" aria-label={label}>
          {text}
        </pre>
        {canCopy ? (
          <button type="button" onClick={tryToCopy} aria-label={`Copy: ${label}`}>
            <span role="status">{isRefused.value ? 'Not copied: select it' : isCopied.value ? 'Copied' : 'Copy'}</span>
          </button>
        ) : null}
      </div>
    </div>
  )
}

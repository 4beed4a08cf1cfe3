import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { messageOf } from '../api.ts'
import { Alert } from './layout.tsx'

type InputProps = Omit<JSX.IntrinsicElements['input'], 'id'>

export function Field({ label, hint, ...input }: { label: string; hint?: string } & InputProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} {...input} {...(hint === undefined ? {} : { 'aria-describedby': `${id}-hint` })} />
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

export function Choice(props: {
  label: string
  name: string
  options: readonly (readonly [value: string, text: string])[]
  value?: string
  onChange?: (value: string) => void
}) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select id={id} name={props.name} value={props.value} onChange={(event) => props.onChange?.(event.currentTarget.value)}>
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

export type Values = Readonly<Record<string, string>>

/** A form that tells why it was refused, and cannot be sent twice. */
export function Form(props: {
  submit: string
  onSubmit: (values: Values) => Promise<void>
  danger?: boolean
  cancel?: () => void
  children?: ComponentChildren
}) {
  const error = useSignal<string | undefined>(undefined)
  const isBusy = useSignal(false)
  const send = (event: JSX.TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault()
    if (isBusy.value) return
    const values = Object.fromEntries(Array.from(new FormData(event.currentTarget), ([k, v]) => [k, String(v)]))
    isBusy.value = true
    error.value = undefined
    props
      .onSubmit(values)
      .catch((reason: unknown) => {
        error.value = messageOf(reason)
      })
      .finally(() => {
        isBusy.value = false
      })
  }
  return (
    <form onSubmit={send}>
      {props.children}
      {error.value === undefined ? null : <Alert>{error.value}</Alert>}
      <div class="actions">
        <button type="submit" class={props.danger ? 'danger' : 'primary'} aria-disabled={isBusy.value}>
          {isBusy.value ? 'Working…' : props.submit}
        </button>
        {props.cancel === undefined ? null : (
          <button type="button" onClick={props.cancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  )
}

/** A question over the page. The browser keeps the focus in it, and Escape closes it. */
export function Dialog(props: { title: string; close: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    box.current?.showModal()
    return () => box.current?.close()
  }, [])
  return (
    <dialog ref={box} aria-labelledby={id} onClose={props.close}>
      <h2 id={id}>{props.title}</h2>
      {props.children}
    </dialog>
  )
}

/** Says what it will do, and to what, before it does. */
export const Confirm = (props: {
  title: string
  children: ComponentChildren
  submit: string
  act: () => Promise<unknown>
  close: () => void
}) => (
  <Dialog title={props.title} close={props.close}>
    <Form
      submit={props.submit}
      danger
      cancel={props.close}
      onSubmit={async () => {
        await props.act()
        props.close()
      }}
    >
      <div class="prose">{props.children}</div>
    </Form>
  </Dialog>
)

/** Text to take elsewhere. */
export function Copyable({ label, text }: { label: string; text: string }) {
  const isCopied = useSignal(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text)
    isCopied.value = true
    setTimeout(() => (isCopied.value = false), 2000)
  }
  // Browsers give pages that came over plain http no clipboard.
  const canCopy = 'clipboard' in navigator
  return (
    <div class="copyable">
      <p class="copy-label">{label}</p>
      <div class="copy-row">
        <pre tabIndex={0} aria-label={label}>
          {text}
        </pre>
        {canCopy ? (
          <button type="button" onClick={() => void copy()} aria-label={`Copy ${label}`}>
            {isCopied.value ? 'Copied' : 'Copy'}
          </button>
        ) : null}
      </div>
    </div>
  )
}

import { useSignal } from '@preact/signals'
import type { ComponentChildren, HTMLInputTypeAttribute, InputHTMLAttributes, TargetedSubmitEvent } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { messageOf, Problem } from '../api.ts'
import { countdownText } from '../words.ts'
import { Alert } from './layout.tsx'

type InputEvents = Pick<InputHTMLAttributes, 'onChange' | 'onClick' | 'onInput'>

/** What of an input this page has a use for. */
interface InputProps extends InputEvents {
  readonly name?: string
  readonly type?: HTMLInputTypeAttribute
  readonly required?: boolean
  readonly autoFocus?: boolean
  readonly autoComplete?: string
  readonly placeholder?: string
  readonly spellcheck?: boolean
  readonly defaultValue?: string
  readonly min?: number
  readonly minLength?: number
  readonly accept?: string
  readonly inputMode?: 'numeric'
}

export function Field({ label, hint, ...input }: { label: string; hint?: string } & InputProps) {
  const id = useId()
  // Preact ties further attributes to the type, which is not known here; none of ours depends on it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const attributes = input as InputHTMLAttributes
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} {...attributes} {...(hint === undefined ? {} : { 'aria-describedby': `${id}-hint` })} />
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

type Options = readonly (readonly [value: string, text: string])[]

export function Choice(props: {
  label: string
  name: string
  options: Options
  value?: string
  isInline?: boolean
  onChange?: (value: string) => void
}) {
  const id = useId()
  return (
    <div class={props.isInline === true ? 'inline-field' : 'field'}>
      <label for={id}>{props.label}</label>
      <select
        id={id}
        name={props.name}
        {...(props.value === undefined ? {} : { value: props.value })}
        onChange={(event) => props.onChange?.(event.currentTarget.value)}
      >
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

/** A few answers to one question, all of them to be read. */
export const Picks = (props: {
  legend: string
  name: string
  options: Options
  value: string
  onChange: (value: string) => void
}) => (
  <fieldset>
    <legend>{props.legend}</legend>
    {props.options.map(([value, text]) => (
      <label key={value} class="pick">
        <input
          type="radio"
          name={props.name}
          value={value}
          checked={props.value === value}
          onChange={() => props.onChange(value)}
        />
        <span>{text}</span>
      </label>
    ))}
  </fieldset>
)

export type Values = Readonly<Record<string, string>>

const valuesOf = (form: HTMLFormElement): Values =>
  Object.fromEntries(
    Array.from(new FormData(form), ([name, value]) => [name, typeof value === 'string' ? value.trim() : '']),
  )

/** What is looked for. Selects take effect at once, text when Enter is pressed; the address of the page holds both. */
export function Filters(props: {
  values: Values
  apply: (values: Values) => void
  clear?: () => void
  children: ComponentChildren
}) {
  const form = useRef<HTMLFormElement>(null)
  const shown = JSON.stringify(props.values)
  useEffect(() => {
    for (const element of form.current?.elements ?? []) {
      if (element instanceof HTMLInputElement || element instanceof HTMLSelectElement) {
        element.value = props.values[element.name] ?? ''
      }
    }
  }, [shown])
  return (
    <form
      ref={form}
      class="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        props.apply(valuesOf(event.currentTarget))
      }}
      onChange={(event) => {
        if (event.target instanceof HTMLSelectElement) event.currentTarget.requestSubmit()
      }}
    >
      {props.children}
      <div class="actions">
        <button type="submit">Search</button>
        {props.clear === undefined ? null : (
          <button type="button" onClick={props.clear}>
            Clear
          </button>
        )}
      </div>
    </form>
  )
}

/** A form that tells why it was refused, waits as long as it is told to, and cannot be sent twice. */
export function Form(props: {
  submit: string
  onSubmit: (values: Values) => Promise<void>
  isDanger?: boolean
  isReady?: boolean
  cancel?: () => void
  children?: ComponentChildren
}) {
  const error = useSignal<unknown>(undefined)
  const isBusy = useSignal(false)
  const waiting = useSignal(0)
  useEffect(() => {
    const timer = setInterval(() => {
      if (waiting.value > 0) waiting.value -= 1
    }, 1000)
    return () => clearInterval(timer)
  }, [])
  const canSend = !isBusy.value && waiting.value === 0 && props.isReady !== false
  const send = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault()
    if (!canSend) return
    isBusy.value = true
    error.value = undefined
    props
      .onSubmit(valuesOf(event.currentTarget))
      .catch((reason: unknown) => {
        error.value = reason
        if (reason instanceof Problem && reason.retryAfterSeconds !== undefined) {
          waiting.value = Math.ceil(reason.retryAfterSeconds)
        }
      })
      .finally(() => {
        isBusy.value = false
      })
  }
  return (
    <form onSubmit={send}>
      {props.children}
      {error.value === undefined ? null : (
        <Alert>
          {messageOf(error.value)}
          {waiting.value > 0 ? ` Try again in ${countdownText(waiting.value)}.` : null}
        </Alert>
      )}
      <div class="actions">
        <button type="submit" class={props.isDanger === true ? 'danger primary' : 'primary'} aria-disabled={!canSend}>
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

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { timeText } from '../words.ts'

let isFirstPage = true

/** A page: its title, what can be done on it, and what it shows. Its heading takes the focus, so that readers hear it. */
export function Page(props: {
  title: string
  lead?: string
  beside?: ComponentChildren
  back?: { readonly href: string; readonly text: string }
  actions?: ComponentChildren
  children: ComponentChildren
}) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${props.title} · Mooring`
  }, [props.title])
  useEffect(() => {
    if (!isFirstPage) heading.current?.focus({ preventScroll: true })
    isFirstPage = false
    scrollTo(0, 0)
  }, [])
  return (
    <main id="main" tabIndex={-1}>
      <header class="page-head">
        <div>
          {props.back === undefined ? null : (
            <a class="back" href={props.back.href}>
              {props.back.text}
            </a>
          )}
          <div class="title">
            <h1 ref={heading} tabIndex={-1}>
              {props.title}
            </h1>
            {props.beside}
          </div>
          {props.lead === undefined ? null : <p class="lead">{props.lead}</p>}
        </div>
        <div class="actions">{props.actions}</div>
      </header>
      {props.children}
    </main>
  )
}

export const Card = (props: { title?: string; aside?: ComponentChildren; children: ComponentChildren }) => (
  <section class="card">
    {props.title === undefined ? null : (
      <header class="card-head">
        <h2>{props.title}</h2>
        {props.aside}
      </header>
    )}
    {props.children}
  </section>
)

/** What is not there yet, and what to do about it. */
export const Empty = (props: { title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <p class="empty-title">{props.title}</p>
    {props.children}
  </div>
)

export const Alert = (props: { kind?: 'bad' | 'warn' | 'good'; children: ComponentChildren }) => (
  <div class={`alert ${props.kind ?? 'bad'}`} role={props.kind === undefined ? 'alert' : 'status'}>
    {props.children}
  </div>
)

/** Why something could not be read; nothing when it could. */
export const Trouble = ({ of }: { of: { readonly error: { readonly value: string | undefined } } }) =>
  of.error.value === undefined ? null : <Alert>{of.error.value}</Alert>

export type BadgeKind = 'good' | 'bad' | 'warn' | 'plain'

export const Badge = (props: { kind: BadgeKind; children: ComponentChildren }) => (
  <span class={`badge ${props.kind}`}>{props.children}</span>
)

export const Facts = (props: { rows: readonly (readonly [name: string, value: ComponentChildren])[] }) => (
  <dl class="facts">
    {props.rows.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
)

/** Time as the reader's clock says it; the exact one in the tooltip. */
export const Time = ({ at, none = 'never' }: { at: string | undefined; none?: string }) =>
  at === undefined ? (
    <span class="muted">{none}</span>
  ) : (
    <time dateTime={at} title={at}>
      {timeText(new Date(at))}
    </time>
  )

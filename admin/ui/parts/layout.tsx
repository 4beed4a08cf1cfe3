import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** A page: its title, what can be done on it, and what it shows. Its heading takes the focus, so that readers hear it. */
export function Page(props: { title: string; lead?: string; actions?: ComponentChildren; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${props.title} · Mooring`
  }, [props.title])
  return (
    <main id="main" tabIndex={-1}>
      <header class="page-head">
        <div>
          <h1 ref={heading}>{props.title}</h1>
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
  <div class={`alert ${props.kind ?? 'bad'}`} role={props.kind === 'good' ? 'status' : 'alert'}>
    {props.children}
  </div>
)

export const Badge = (props: { kind: 'good' | 'bad' | 'warn' | 'plain'; children: ComponentChildren }) => (
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
export const Time = ({ at }: { at: string | undefined }) =>
  at === undefined ? (
    <span class="muted">never</span>
  ) : (
    <time dateTime={at} title={at}>
      {new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })}
    </time>
  )

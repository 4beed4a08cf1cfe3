import { useSignal } from '@preact/signals'
import { ask, type Answer } from '../api.ts'
import { changeAll, countAll } from '../change-all.ts'
import { Confirm } from '../parts/dialog.tsx'
import { Field, Picks } from '../parts/form.tsx'
import { Trouble } from '../parts/layout.tsx'
import { useIsOver, useLoaded } from '../parts/loading.ts'
import { several } from '../words.ts'

type Token = Answer<'listTokens'>['tokens'][number]

interface Props {
  readonly token: Token
  readonly done: () => void
  readonly close: () => void
}

/** First the token, so that nobody registers with it while its devices are shut out. */
export function RevokeToken({ token, done, close }: Props) {
  const count = useLoaded(() => countAll({ token: token.id }), [])
  const fate = useSignal('leave')
  const changed = useSignal(0)
  const isOver = useIsOver()
  const act = async (): Promise<void> => {
    await ask('revokeToken', { token: token.id })
    done()
    if (fate.value === 'leave') return
    const change = { kind: fate.value === 'disable' ? ('disable' as const) : ('quarantine' as const) }
    await changeAll(change, { token: token.id }, { told: (so) => (changed.value = so), isOver })
  }
  const devices = several(count.value.value ?? 0, 'device')
  const verbs: Readonly<Record<string, string>> = {
    leave: 'Revoke the token',
    quarantine: `Revoke it, quarantine ${devices}`,
    disable: `Revoke it, disable ${devices}`,
  }
  return (
    <Confirm
      title={`Revoke ${token.name}`}
      submit={verbs[fate.value] ?? ''}
      isReady={count.value.value !== undefined}
      act={act}
      close={close}
    >
      <p>From the next request on nobody registers with it. This cannot be undone.</p>
      <Trouble of={count} />
      <Picks
        legend={`It made ${count.value.value === undefined ? '…' : devices} that are still here`}
        name="fate"
        value={fate.value}
        onChange={(value) => (fate.value = value)}
        options={[
          ['leave', 'Leave them as they are'],
          ['quarantine', 'The token has leaked: quarantine all of them until I know which are mine'],
          ['disable', 'The token has leaked: disable all of them'],
        ]}
      />
      <p role="status">{changed.value === 0 ? null : `${several(changed.value, 'device')} done`}</p>
    </Confirm>
  )
}

export const LimitToken = ({ token, done, close }: Props) => (
  <Confirm
    title={`Limit ${token.name}`}
    submit="Save"
    isDanger={false}
    act={async ({ most = '', hourly = '' }) => {
      await ask('limitToken', {
        token: token.id,
        maxRegistrations: most === '' ? null : Number(most),
        registrationsPerHour: hourly === '' ? null : Number(hourly),
      })
      done()
    }}
    close={close}
  >
    <p>
      It was used {several(token.uses, 'time')}. An empty field is no limit; what you save counts from the next request
      on.
    </p>
    <div class="filters">
      <Field
        label="Most devices"
        name="most"
        type="number"
        min={1}
        defaultValue={String(token.maxRegistrations ?? '')}
      />
      <Field
        label="Most in an hour"
        name="hourly"
        type="number"
        min={1}
        defaultValue={String(token.registrationsPerHour ?? '')}
      />
    </div>
  </Confirm>
)

import { useSignal } from '@preact/signals'
import { ask, type Answer } from '../api.ts'
import { changes } from '../live.ts'
import { Confirm } from '../parts/dialog.tsx'
import { Choice } from '../parts/form.tsx'
import { Badge, Card, Time, Trouble } from '../parts/layout.tsx'
import { useLoaded } from '../parts/loading.ts'
import { Table } from '../parts/table.tsx'
import { may } from '../session.ts'

type Key = Answer<'listSigningKeys'>['keys'][number]

const STATE = { active: 'good', verifying: 'warn', retired: 'plain' } as const

const ALGORITHMS = [
  ['ES256', 'ES256'],
  ['EdDSA', 'EdDSA'],
  ['HS256', 'HS256'],
] as const

const OVERLAPS = [
  ['', 'Until somebody retires it'],
  ['2592000', 'For 30 days'],
  ['604800', 'For 7 days'],
  ['86400', 'For one day'],
  ['0', 'Not at all'],
] as const

/** The secret of the configuration has no beginning; the store says 1970. */
const madeAt = (at: string): string | undefined => (Date.parse(at) === 0 ? undefined : at)

export function SigningKeys() {
  const keys = useLoaded(() => ask('listSigningKeys'), [changes.value])
  const isRotating = useSignal(false)
  const retiring = useSignal<Key | undefined>(undefined)
  const actions = {
    head: 'Actions',
    cell: (key: Key) =>
      key.state === 'verifying' ? (
        <button type="button" class="danger small" onClick={() => (retiring.value = key)}>
          Retire…<span class="hidden"> {key.kid}</span>
        </button>
      ) : null,
  }
  return (
    <Card
      title="Signing keys of registration tokens"
      aside={
        may('admin') ? (
          <button type="button" onClick={() => (isRotating.value = true)}>
            Sign with a new key
          </button>
        ) : null
      }
    >
      <Trouble of={keys} />
      <Table
        label="Signing keys"
        rows={keys.value.value?.keys ?? []}
        keyOf={({ kid }) => kid}
        columns={[
          { head: 'Key', cell: ({ kid }) => <code>{kid}</code> },
          { head: 'Algorithm', cell: ({ algorithm }) => algorithm },
          { head: 'State', cell: ({ state }) => <Badge kind={STATE[state]}>{state}</Badge> },
          { head: 'Made', cell: ({ createdAt }) => <Time at={madeAt(createdAt)} none="–" /> },
          { head: 'Retires', cell: ({ retiresAt }) => <Time at={retiresAt} none="–" /> },
          ...(may('admin') ? [actions] : []),
        ]}
      />
      {isRotating.value ? (
        <Confirm
          title="Sign with a new key"
          submit="Make the key"
          isDanger={false}
          act={async ({ algorithm, overlap = '' }) => {
            await ask('rotateSigningKey', {
              algorithm: algorithm === 'EdDSA' || algorithm === 'HS256' ? algorithm : 'ES256',
              ...(overlap === '' ? {} : { overlapSeconds: Number(overlap) }),
            })
            keys.reload()
          }}
          close={() => (isRotating.value = false)}
        >
          <p>New tokens are signed with it. Tokens of the key before are accepted until that one is retired.</p>
          <div class="filters">
            <Choice label="Algorithm" name="algorithm" options={ALGORITHMS} />
            <Choice label="The key before is accepted" name="overlap" options={OVERLAPS} />
          </div>
        </Confirm>
      ) : null}
      {retiring.value === undefined ? null : (
        <Confirm
          title={`Retire ${retiring.value.kid}`}
          submit="Refuse its tokens from now on"
          act={async () => {
            await ask('retireSigningKey', { kid: retiring.value?.kid ?? '' })
            keys.reload()
          }}
          close={() => (retiring.value = undefined)}
        >
          <p>Every token that it signed is refused from the next request on. Devices that have registered stay.</p>
        </Confirm>
      )}
    </Card>
  )
}

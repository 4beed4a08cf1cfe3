import { useSignal } from '@preact/signals'
import { ask, messageOf, type Answer } from '../api.ts'
import { goTo } from '../location.ts'
import { Confirm, Copyable, Shown } from '../parts/dialog.tsx'
import { Alert } from '../parts/layout.tsx'

type Device = Answer<'getDevice'>
type Deed = 'disable' | 'quarantine' | 'rotate' | 'disconnect' | 'delete'

const DEEDS: Readonly<Record<Deed, { verb: string; what: string }>> = {
  disconnect: { verb: 'Disconnect', what: 'Its connection ends; it may come back at once.' },
  rotate: {
    verb: 'Rotate the secret',
    what: 'It gets a new access secret, which is shown once. The old one stops working, at once or after the overlap that is configured.',
  },
  quarantine: { verb: 'Quarantine', what: 'It may connect and hear its commands, and do nothing else.' },
  disable: { verb: 'Disable', what: 'Its connection ends and its logins are refused until it is enabled again.' },
  delete: {
    verb: 'Delete',
    what: 'It is forgotten with its credentials, and its manufacturer ID can register again. This cannot be undone.',
  },
}

export function DeviceActions({ device, changed }: { device: Device; changed: () => void }) {
  const deed = useSignal<Deed | undefined>(undefined)
  const secret = useSignal<Answer<'rotateDevice'> | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const request = { device: device.id }
  const act: Readonly<Record<Deed, () => Promise<unknown>>> = {
    disable: () => ask('disableDevice', request),
    quarantine: () => ask('quarantineDevice', request),
    disconnect: () => ask('disconnectDevice', request),
    rotate: async () => {
      secret.value = await ask('rotateDevice', request)
    },
    delete: async () => {
      await ask('deleteDevice', request)
      goTo('/devices')
    },
  }
  const undo = (operation: 'enableDevice' | 'releaseDevice'): void => {
    error.value = undefined
    ask(operation, request).then(changed, (reason: unknown) => (error.value = messageOf(reason)))
  }
  const offered: readonly Deed[] = [
    ...(device.connection?.connected === true ? ['disconnect' as const] : []),
    'rotate',
    ...(device.quarantined === true ? [] : ['quarantine' as const]),
    ...(device.disabled ? [] : ['disable' as const]),
    'delete',
  ]
  const chosen = deed.value
  return (
    <>
      {error.value === undefined ? null : <Alert>{error.value}</Alert>}
      {device.disabled ? (
        <button type="button" class="primary" onClick={() => undo('enableDevice')}>
          Enable
        </button>
      ) : null}
      {device.quarantined === true ? (
        <button type="button" class="primary" onClick={() => undo('releaseDevice')}>
          Release
        </button>
      ) : null}
      {offered.map((one) => (
        <button
          key={one}
          type="button"
          class={one === 'delete' || one === 'disable' ? 'danger' : ''}
          onClick={() => (deed.value = one)}
        >
          {DEEDS[one].verb}…
        </button>
      ))}
      {chosen === undefined ? null : (
        <Confirm
          title={`${DEEDS[chosen].verb}: ${device.manufacturerId}`}
          submit={DEEDS[chosen].verb}
          isDanger={chosen !== 'rotate'}
          act={async () => {
            await act[chosen]()
            if (chosen !== 'delete') changed()
          }}
          close={() => (deed.value = undefined)}
        >
          <p>{DEEDS[chosen].what}</p>
        </Confirm>
      )}
      {secret.value === undefined ? null : (
        <Shown title={`The new secret of ${device.manufacturerId}`} close={() => (secret.value = undefined)}>
          <Copyable label="Access key" text={secret.value.accessKey} />
          <Copyable label="Access secret" text={secret.value.accessSecret} />
        </Shown>
      )}
    </>
  )
}

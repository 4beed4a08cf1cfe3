import { useSignal, type Signal } from '@preact/signals'
import { useCallback, useEffect, useRef } from 'preact/hooks'
import { messageOf } from '../api.ts'

export interface Loaded<T> {
  readonly value: Signal<T | undefined>
  readonly error: Signal<string | undefined>
  readonly reload: () => void
}

/** Reads when the component appears and whenever `inputs` change; what is shown stays until the new is there. */
export function useLoaded<T>(read: () => Promise<T>, inputs: readonly unknown[]): Loaded<T> {
  const value = useSignal<T | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const turn = useRef(0)
  const reload = useCallback(() => {
    const mine = ++turn.current
    read().then(
      (found) => {
        if (mine !== turn.current) return
        value.value = found
        error.value = undefined
      },
      (reason: unknown) => {
        if (mine === turn.current) error.value = messageOf(reason)
      },
    )
  }, inputs)
  useEffect(reload, [reload])
  return { value, error, reload }
}

/** Tells work that goes on whether the component that began it has gone. */
export function useIsOver(): () => boolean {
  const isOver = useRef(false)
  useEffect(
    () => () => {
      isOver.current = true
    },
    [],
  )
  return useCallback(() => isOver.current, [])
}

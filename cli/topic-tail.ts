import type { MessageText } from '../admin/index.ts'
import { printable, type Output } from './output.ts'
import type { Session } from './session.ts'

export interface TailOptions {
  readonly count?: number
}

/** Until so many have come, the server stops, or somebody presses ^C. */
export async function tailTopic(session: Session, filter: string, { count = Infinity }: TailOptions): Promise<void> {
  const { context, output } = session
  const operator = await session.needServer('Start it with: mooring serve')
  const { tail } = await operator.openTail({ filter })
  output.note(`Listening to ${printable(filter)}. End it with ^C.`)
  const close = async (): Promise<unknown> => await operator.closeTail({ tail }).catch(() => {})
  let isInterrupted = false
  // The read that waits is answered when the tail is closed.
  const stopListening = context.onInterrupt(() => {
    isInterrupted = true
    void close()
  })
  try {
    for (let left = count; left > 0;) {
      const { messages, skipped } = await operator.readTail({ tail })
      for (const message of messages.slice(0, left)) output.answer(message, () => lineOf(output, message))
      if (skipped > 0) output.problem(`${skipped} messages were skipped: there are too many of them`)
      left -= messages.length
      if (isInterrupted) return
    }
  } catch (error) {
    if (!isInterrupted) throw error
  } finally {
    stopListening()
    if (!isInterrupted) await close()
  }
}

function lineOf(output: Output, { at, topic, payload, encoding, bytes, cut }: MessageText): string {
  const more = cut ? ` … (${bytes} bytes)` : ''
  const kind = encoding === 'base64' ? 'base64:' : ''
  return `${output.styled('dim', at)}  ${printable(topic)}  ${kind}${printable(payload)}${more}`
}

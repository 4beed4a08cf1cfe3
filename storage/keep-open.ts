import type { StoreLevel } from './writer.ts'

interface Room {
  open(): Promise<void>
}

/**
 * Opens sublevels, and opens them again whenever the database is: it is opened anew after a failed write, and leaves its
 * sublevels closed. When it is closed again meanwhile, they are opened the next time.
 */
export async function keepOpen(level: StoreLevel, rooms: readonly Room[]): Promise<void> {
  const openAll = async (): Promise<void> => {
    await Promise.all(rooms.map((room) => room.open()))
  }
  level.on('open', () => void openAll().catch(() => {}))
  await openAll()
}

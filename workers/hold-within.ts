import type { Application } from './application.ts'
import type { Connection } from './connection.ts'

/** How long a connection that is to move may take to have its output written and its messages answered. */
const HOLD_MS = 1000

/**
 * Gets a connection ready to leave, unless it takes too long: then it goes on. A handler that works on and on is not waited
 * for; what it sends later finds its way.
 */
export async function holdWithin(
  connection: Connection,
  application: Application,
  giver: Promise<unknown>,
): Promise<boolean> {
  const { key } = connection
  if (!connection.mayMove) return false
  let deadline: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    deadline = setTimeout(resolve, HOLD_MS)
  })
  let isWritten = false
  const written = new Promise<void>((resolve) => {
    connection.hold(() => {
      isWritten = true
      resolve()
    })
  })
  const answered = new Promise<void>((resolve) => application.onceIdle(key, resolve))
  const isGiving = giver.then(
    () => true,
    () => false,
  )
  await Promise.race([Promise.all([written, answered, isGiving]), late])
  clearTimeout(deadline)
  const isReady =
    isWritten && connection.isMovable && application.isIn(key) && (await isGiving) && application.canPack(key)
  if (!isReady) connection.unhold()
  return isReady
}

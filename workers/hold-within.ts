import { within } from '../src/shared/within.ts'
import type { Application } from './application.ts'
import type { Connection } from './connection.ts'

/** How long a connection that is to move may take to have its output written and its messages answered. */
const HOLD_MS = 1000
/** The same before anybody knows who takes that long: those who move together wait for each other. */
const MOMENT_MS = 50

/**
 * Gets a connection ready to leave, unless it takes too long: then it goes on. In the end a handler that works on and on is
 * not waited for; what it does later finds its way.
 *
 * @param isPatient Waits for a while, not for a moment only.
 */
export async function holdWithin(
  connection: Connection,
  application: Application,
  isPatient: boolean,
): Promise<boolean> {
  const { key } = connection
  if (!connection.mayMove) return false
  let isWritten = false
  const written = new Promise<void>((resolve) => {
    connection.hold(() => {
      isWritten = true
      resolve()
    })
  })
  let isAnswered = false
  const answered = new Promise<void>((resolve) => {
    application.onceIdle(key, () => {
      isAnswered = true
      resolve()
    })
  })
  await within(isPatient ? HOLD_MS : MOMENT_MS, Promise.all([written, answered]))
  const isDone = isWritten && (isAnswered || isPatient)
  const isReady = isDone && connection.isMovable && application.isIn(key) && application.canPack(key)
  if (!isReady) connection.unhold()
  return isReady
}

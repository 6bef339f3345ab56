/** What the page and the server say to each other: one JSON object per text message, told apart by `type`. */

/** UTF-16 units, as the page's `maxlength` counts them. */
export const MAX_NAME_LENGTH = 24
export const MAX_TEXT_LENGTH = 500

/** Characters that a name or a message cannot use to break a line or to turn the text around it. */
const FORMATTING = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u

export interface Person {
  /** Tells people of one name apart; never used twice. */
  readonly number: number
  readonly name: string
  /** Index of the shard that holds the connection. */
  readonly shard: number
}

export interface ChatMessage {
  readonly author: Person
  readonly text: string
  /** Milliseconds since the epoch, when the main thread took it. */
  readonly takenAt: number
  /** As in the author's `say`, so that its page knows its own message again. */
  readonly key: number
}

export interface BlockReport {
  /** Milliseconds. */
  readonly blockedMs: number
  readonly people: number
  /** People whose heartbeat a shard heard meanwhile. */
  readonly heartbeats: number
  /** Messages of any kind that the shards took in meanwhile. */
  readonly waiting: number
}

export type Request =
  | { readonly type: 'join'; readonly name: string }
  | { readonly type: 'say'; readonly text: string; readonly key: number }
  | { readonly type: 'ping'; readonly sentAt: number }
  | { readonly type: 'block' }
  | { readonly type: 'malformed'; readonly problem: string }

export type Reply =
  | { readonly type: 'welcome'; readonly you: Person; readonly people: Person[]; readonly history: ChatMessage[] }
  | { readonly type: 'joined'; readonly person: Person }
  | { readonly type: 'left'; readonly person: Person }
  | ({ readonly type: 'message' } & ChatMessage)
  | { readonly type: 'pong'; readonly sentAt: number }
  | { readonly type: 'blocking'; readonly by: Person; readonly blockMs: number }
  | ({ readonly type: 'blocked' } & BlockReport)
  | StatsReply
  | { readonly type: 'error'; readonly problem: string }

export interface StatsReply {
  readonly type: 'stats'
  readonly connections: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly shards: number
  readonly handoff: string
}

/** Whatever a client sends, valid or not. */
export function parseRequest(message: Buffer, isBinary: boolean): Request {
  if (isBinary) return malformed('send text, not binary')
  let value: unknown
  try {
    value = JSON.parse(message.toString())
  } catch {
    return malformed('this is not JSON')
  }
  if (typeof value !== 'object' || value === null) return malformed('send a JSON object')
  return requestOf(value as Record<string, unknown>)
}

function requestOf({ type, name, text, key, sentAt }: Record<string, unknown>): Request {
  switch (type) {
    case 'join': {
      const cleaned = clean(name, MAX_NAME_LENGTH)
      return cleaned ? { type, name: cleaned } : malformed(`a name has 1 to ${MAX_NAME_LENGTH} characters`)
    }
    case 'say': {
      const cleaned = clean(text, MAX_TEXT_LENGTH)
      if (!cleaned) return malformed(`a message has 1 to ${MAX_TEXT_LENGTH} characters`)
      return Number.isSafeInteger(key)
        ? { type, text: cleaned, key: key as number }
        : malformed('key must be an integer')
    }
    case 'ping':
      return Number.isFinite(sentAt) ? { type, sentAt: sentAt as number } : malformed('sentAt must be a number')
    case 'block':
      return { type }
    default:
      return malformed('type must be join, say, ping or block')
  }
}

/** One line of visible text, or undefined when that is not what `value` is. */
function clean(value: unknown, maxLength: number): string | undefined {
  if (typeof value !== 'string' || value.length > maxLength) return undefined
  const line = value.replace(FORMATTING, ' ').trim()
  return VISIBLE.test(line) ? line : undefined
}

function malformed(problem: string): Request {
  return { type: 'malformed', problem }
}

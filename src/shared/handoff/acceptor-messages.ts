import type { AddressInfo } from 'node:net'
import type { MessagePort } from 'node:worker_threads'
import type { ErrorCode } from '../errors.ts'
import type { AcceptorSetup } from './acceptor.ts'

/** The argument of the acceptor's one endless task. */
export interface AcceptorTask {
  readonly port: MessagePort
  readonly setup: AcceptorSetup
}

/** Main → acceptor. All but `listen` are methods of `Acceptor`. */
export type AcceptorCommand =
  | { readonly kind: 'listen'; readonly port: number; readonly host: string | undefined }
  | { readonly kind: 'add'; readonly index: number; readonly port: MessagePort }
  | { readonly kind: 'setOpen'; readonly index: number; readonly isOpen: boolean }
  | { readonly kind: 'setAccepting'; readonly isAccepting: boolean }
  | { readonly kind: 'remove'; readonly index: number }
  | { readonly kind: 'stopListening' }
  | { readonly kind: 'close' }
  | PipeAnswer

/** Acceptor → main. */
export type AcceptorEvent =
  | { readonly kind: 'listening'; readonly address: AddressInfo }
  /** It does not listen. */
  | { readonly kind: 'refused'; readonly error: Error; readonly code: string | undefined }
  | { readonly kind: 'turnedAway'; readonly code: ErrorCode }
  | { readonly kind: 'failed'; readonly error: Error }
  | PipeRequest

/** Acceptor → main: the accepting end of a pipe of its own. */
export type PipeRequest =
  | { readonly kind: 'pipeWanted'; readonly id: number }
  | { readonly kind: 'pipeClosed'; readonly id: number }

export type PipeAnswer =
  | { readonly kind: 'pipeListening'; readonly id: number; readonly path: string }
  /** Null: nobody will connect. */
  | { readonly kind: 'pipeAccepted'; readonly id: number; readonly descriptor: number | null }
  | { readonly kind: 'pipeRefused'; readonly id: number; readonly error: Error }

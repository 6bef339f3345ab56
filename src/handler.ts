import type { Handler, HandlerFunction } from './shared/handler.ts'

export type { Handler, HandlerFunction, Verdict } from './shared/handler.ts'
export type { CanJoin } from './shared/joining.ts'
export type { MessageSchema } from './shared/message-validation.ts'
export type { BroadcastOptions, PublishOptions, SendOptions } from './shared/send-options.ts'
export type { HandlerServer, Socket } from './shared/socket.ts'
export type { UpgradeRequest } from './shared/upgrade-request.ts'

/**
 * Gives a handler its types; it is returned as it is. As the default export of a module it can be loaded by every shard
 * (`new WebSocketServer({ handler: new URL('./chat.handler.js', import.meta.url) })`), and it can be given to `route` on main.
 */
export function defineHandler<Data = unknown, Params = Record<string, string>>(
  handler: HandlerFunction<Data, Params>,
): HandlerFunction<Data, Params>
export function defineHandler<Data = unknown, Params = Record<string, string>>(
  handler: Handler<Data, Params>,
): Handler<Data, Params>
export function defineHandler<Kind>(handler: Kind): Kind {
  return handler
}

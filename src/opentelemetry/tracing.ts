import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api'
import type { HandshakeEnd, HandshakeStart } from '../main/diagnostics.ts'
import { asHandler, HANDLER_METHODS } from '../shared/as-handler.ts'
import { ShardwsError } from '../shared/errors.ts'
import type { Handler, HandlerFunction } from '../shared/handler.ts'
import type { Socket } from '../shared/socket.ts'
import type { UpgradeRequest } from '../shared/upgrade-request.ts'
import { isThenable } from '../shared/work.ts'

/** How handlers are traced. */
export interface TraceHandlerOptions {
  /**
   * Finds what the sender's propagator has put into a message, such as the `traceparent` of a JSON text: its span is a
   * child of the sender's then. What it throws is noted in the span. Default: messages carry nothing.
   */
  readonly carrierOf?: (
    message: string | Buffer,
    isBinary: boolean,
  ) => Readonly<Record<string, string>> | null | undefined
}

type Method = (...args: readonly unknown[]) => unknown

/** What a span of a handler begins with. */
interface Beginning {
  readonly kind: SpanKind
  readonly attributes: Attributes
  readonly parent: Context
  /** The handshake of the connection, where it is not the parent. */
  readonly cause: Context | null
  /** What went wrong when the parent was looked for. */
  readonly failure: unknown
}

/** Spans of these belong to the handshake's trace; a connection may live for weeks, so the others only link to it. */
const OF_HANDSHAKE: ReadonlySet<string> = new Set(['upgrade', 'authenticate', 'open'])
const LATER: ReadonlySet<string> = new Set(['message', 'close', 'attach', 'detach'])

/** Fields of a request that several values were sent for count once. */
const HEADERS: TextMapGetter<IncomingMessage['headers']> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, name) => headers[name.toLowerCase()],
}

// It asks the provider that is registered when a span begins, however late that is.
const tracer = trace.getTracer('shardws')

/**
 * From now on a span is made of every opening handshake of all servers of this process, from the upgrade request to the
 * hand-off to a shard. It is a child of the span that the request's `traceparent` names, and takes its place there, as a proxy's
 * would: so `verifyClient`, middleware and handlers, in the shards too, find it in `request.headers`.
 *
 * To be called once, on the main thread. Returns what ends it.
 */
export function traceHandshakes(): () => void {
  const spans = new WeakMap<IncomingMessage, Span>()
  const onStart = (message: unknown): void => {
    const { request, ip } = message as HandshakeStart
    const parent = propagation.extract(ROOT_CONTEXT, request.headers, HEADERS)
    const span = tracer.startSpan(
      'websocket handshake',
      { kind: SpanKind.SERVER, attributes: requestAttributes(request, ip) },
      parent,
    )
    spans.set(request, span)
    propagation.inject(trace.setSpan(parent, span), request.headers)
  }
  const onEnd = (message: unknown): void => {
    const { request, outcome, status, code, id, shard } = message as HandshakeEnd
    const span = spans.get(request)
    if (span === undefined) return
    spans.delete(request)
    span.setAttribute('shardws.handshake.outcome', outcome)
    if (status !== null) span.setAttribute('http.response.status_code', status)
    if (id !== null) span.setAttribute('shardws.connection.id', id)
    if (shard !== null) span.setAttribute('shardws.shard', shard)
    if (outcome !== 'opened') span.setAttribute('error.type', code ?? outcome)
    // What a client does wrong is no error of the server.
    if (outcome === 'lost' || (status ?? 0) >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }
  subscribe('shardws:handshake:start', onStart)
  subscribe('shardws:handshake:end', onEnd)
  return () => {
    unsubscribe('shardws:handshake:start', onStart)
    unsubscribe('shardws:handshake:end', onEnd)
  }
}

/**
 * The same handler, with a span around each call of `upgrade`, `authenticate`, `open`, `message`, `close`, `attach` and `detach`
 * until what it returns has settled; the span is the active one meanwhile. On main and, as the default export of a module,
 * in the shards, where the application registers OpenTelemetry's SDK in the same module. Of a function only the call itself
 * is traced, not the listeners it adds.
 *
 * @throws ShardwsError ARGUMENT_INVALID
 */
export function traceHandler<Data = unknown, Params = Record<string, string>>(
  handler: Handler<Data, Params> | HandlerFunction<Data, Params>,
  options: TraceHandlerOptions = {},
): Handler<Data, Params> {
  const { carrierOf } = options
  if (carrierOf !== undefined && typeof carrierOf !== 'function')
    throw new ShardwsError('ARGUMENT_INVALID', 'options.carrierOf must be a function')
  const original = asHandler(handler) as Handler
  const traced: Record<string, unknown> = {}
  for (const name of HANDLER_METHODS) {
    const method = original[name] as Method | undefined
    if (method === undefined) continue
    const call: Method = method.bind(original)
    if (name === 'message') traced[name] = tracedMessage(call, carrierOf)
    else traced[name] = OF_HANDSHAKE.has(name) || LATER.has(name) ? tracedMethod(name, call) : call
  }
  const { validate, onInvalid } = original
  return { ...traced, ...(validate && { validate }), ...(onInvalid && { onInvalid }) } as Handler<Data, Params>
}

function tracedMethod(name: string, call: Method): Method {
  return (...args) => {
    const subject = args[0] as Socket | UpgradeRequest
    const ofHandshake = contextOf(subject)
    const isPart = OF_HANDSHAKE.has(name)
    const beginning = {
      kind: SpanKind.INTERNAL,
      attributes: subjectAttributes(subject),
      parent: isPart ? ofHandshake : ROOT_CONTEXT,
      cause: isPart ? null : ofHandshake,
      failure: undefined,
    }
    return inSpan(`websocket ${name}`, beginning, () => call(...args))
  }
}

function tracedMessage(call: Method, carrierOf: TraceHandlerOptions['carrierOf']): Method {
  return (...args) => {
    const [socket, message, isBinary] = args as [Socket, string | Buffer, boolean]
    let parent = ROOT_CONTEXT
    let failure: unknown
    try {
      const carrier = carrierOf?.(message, isBinary)
      if (carrier) parent = propagation.extract(ROOT_CONTEXT, carrier)
    } catch (error) {
      failure = error
    }
    const attributes = {
      ...subjectAttributes(socket),
      'messaging.system': 'websocket',
      'messaging.operation.type': 'process',
      'messaging.message.body.size': Buffer.byteLength(message),
    }
    const beginning = { kind: SpanKind.CONSUMER, attributes, parent, cause: contextOf(socket), failure }
    return inSpan('websocket message', beginning, () => call(...args))
  }
}

/** Runs `work` in a span that ends with it. What it throws or rejects with goes on to whoever called. */
function inSpan(name: string, { kind, attributes, parent, cause, failure }: Beginning, work: () => unknown): unknown {
  const linked = cause === null ? undefined : trace.getSpanContext(cause)
  const links = linked === undefined ? [] : [{ context: linked }]
  const span = tracer.startSpan(name, { kind, attributes, links }, parent)
  if (failure !== undefined) span.recordException(failure as Error)
  const fail = (error: unknown): never => {
    span.recordException(error as Error)
    span.setAttribute('error.type', (error as { code?: string }).code ?? (error as Error).name)
    span.setStatus({ code: SpanStatusCode.ERROR, message: String((error as Error).message) })
    span.end()
    throw error
  }
  return context.with(trace.setSpan(parent, span), () => {
    try {
      const result = work()
      if (!isThenable(result)) {
        span.end()
        return result
      }
      return result.then((value) => {
        span.end()
        return value
      }, fail)
    } catch (error) {
      return fail(error)
    }
  })
}

/** Of the handshake, if that was traced, else of the client. */
function contextOf({ headers }: Socket | UpgradeRequest): Context {
  return propagation.extract(ROOT_CONTEXT, headers, HEADERS)
}

/** The query is left out: browsers cannot send headers, so tokens are in it. */
function requestAttributes(request: IncomingMessage, ip: string): Attributes {
  const { method, url = '', headers, socket } = request
  const query = url.indexOf('?')
  return {
    'http.request.method': method,
    'url.path': query < 0 ? url : url.slice(0, query),
    'url.scheme': 'encrypted' in socket ? 'https' : 'http',
    'client.address': ip,
    'network.peer.address': socket.remoteAddress,
    'network.peer.port': socket.remotePort,
    'user_agent.original': headers['user-agent'],
  }
}

function subjectAttributes(subject: Socket | UpgradeRequest): Attributes {
  const { path } = subject
  if (!('id' in subject)) return { 'url.path': path }
  return { 'url.path': path, 'shardws.connection.id': subject.id, 'shardws.shard': subject.shard }
}

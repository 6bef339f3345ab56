/** A route that serves a connection, as its request knows it. */
export interface RouteMatch {
  /** A `Handler`; only the dispatcher looks into it. */
  readonly handler: object
  /** The parts of the path that the route names, decoded; nothing else is in it. */
  readonly params: Record<string, string>
}

/** Offered by clients that want a session, and chosen if no subprotocol of the application is. */
export const SESSION_PROTOCOL = 'shardws.session'

/** Begins the subprotocol that carries the token of a session to resume. */
export const RESUME_PREFIX = 'shardws.resume.'

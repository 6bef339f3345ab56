import { ShardwsError } from '../shared/errors.ts'
import { compileCidrs, isCidr } from './cidr.ts'
import { compileClientAddress } from './client-address.ts'
import type { TrustProxy } from './guard-options.ts'
import type { VerifyClient } from './options.ts'

const FORBIDDEN = { accept: false, status: 403 }

/**
 * A `verifyClient` that lets in who comes from these IP addresses and CIDR ranges, and answers 403 to others. The option
 * `allowIps` does the same earlier; this is for one that is part of a larger decision.
 *
 * @param trustProxy as the option of this name. Default false: the address is the TCP peer's.
 * @throws ShardwsError ARGUMENT_INVALID
 */
export function ipAllow(ranges: readonly string[], trustProxy: TrustProxy = false): VerifyClient {
  if (!Array.isArray(ranges) || !ranges.every(isCidr))
    throw new ShardwsError('ARGUMENT_INVALID', 'ranges must be an array of IP addresses and CIDR ranges')
  const isAllowed = compileCidrs(ranges)
  const addressOf = compileClientAddress(trustProxy)
  return (request) => isAllowed(addressOf(request)) || FORBIDDEN
}

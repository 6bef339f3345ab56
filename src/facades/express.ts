import type express from 'express'
import { loadPeerDependency } from '../main/peer-dependency.ts'

const LEAST_MAJOR = 5

/** @throws ShardwsError EXPRESS_MISSING, also for an Express that is too old. */
export function loadExpress(): typeof express {
  return loadPeerDependency('express', LEAST_MAJOR, 'EXPRESS_MISSING')
}

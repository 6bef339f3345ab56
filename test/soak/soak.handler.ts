import { defineHandler } from '../../src/handler.ts'
import { behaviour } from './behaviour.ts'

export default defineHandler(behaviour)

import t from 'tap'
import { Opcode } from '../../../src/shared/protocol/opcodes.ts'

t.test('RFC 6455 §11.8', (t) => {
  t.same(Opcode, { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 })
  t.end()
})

import { command } from '../command.ts'
import { flag, seconds } from '../command-options.ts'
import type { ExitCode } from '../exit-code.ts'
import { OPENING_OPTIONS, openingOf } from '../opening-options.ts'
import { Conversation } from './conversation.ts'

export const CONNECT = command(
  {
    name: 'connect',
    operands: '<ws-url>',
    summary: 'Talk to a WebSocket server: lines are sent, messages are printed.',
    details: [
      '',
      'Each line of the input is sent as a text message. Lines that begin with / are commands:',
      '  /ping [text]             sends a ping; the pong is printed with its round trip',
      '  /close [code] [reason]   closes the connection, with 1000 unless told otherwise',
      '  //text                   sends /text',
      'Messages go to the standard output, everything else to the standard error.',
    ],
    options: {
      ...OPENING_OPTIONS,
      ping: seconds(undefined, { least: 0.1, most: 86_400 }, 'send a ping as often as that and print the round trips'),
      wait: seconds(1000, { least: 0, most: 86_400 }, 'after the end of the input, unless that is a terminal'),
      raw: flag('send lines that begin with / as they are'),
    },
    examples: [
      'shardws connect ws://127.0.0.1:8080/',
      `shardws connect wss://example.org/chat --protocol chat --header 'Authorization: Bearer …'`,
      'echo hello | shardws connect ws://127.0.0.1:8080/',
    ],
  },
  async (options, operands, terminal): Promise<ExitCode> => {
    const opening = openingOf(operands, options)
    const habits = { pingMs: options.ping ?? null, waitMs: options.wait, isRaw: options.raw }
    return new Conversation(terminal, habits).hold(opening)
  },
)

import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { CommandError, usageError } from '../command-error.ts'
import { explain } from '../explain.ts'

export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Null without TLS. @throws CommandError */
export async function readTlsFiles(cert: string | undefined, key: string | undefined): Promise<TlsFiles | null> {
  if (cert === undefined && key === undefined) return null
  if (cert === undefined) throw usageError('--key needs --cert, the certificate that it belongs to')
  if (key === undefined) throw usageError('--cert needs --key, the key that belongs to it')
  const files = { cert: await read('cert', cert), key: await read('key', key) }
  try {
    createSecureContext(files)
  } catch (error) {
    throw new CommandError(
      `--cert ${cert} --key ${key}: no pair of a certificate and its key in PEM: ${explain(error)}`,
    )
  }
  return files
}

async function read(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new CommandError(`--${option} ${path}: ${explain(error)}`)
  }
}

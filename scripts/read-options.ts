/** The options of the command that runs. Null when help was asked for or they are wrong: what is to be said has been said. */
export function readOptions<Options>(
  parse: (args: readonly string[]) => Options | null,
  usage: string,
): Options | null {
  try {
    const options = parse(process.argv.slice(2))
    if (options === null) process.stdout.write(`${usage}\n`)
    return options
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`)
    process.exitCode = 2
    return null
  }
}

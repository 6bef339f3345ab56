/** The rows named in a comma-separated option, all without one. The table's order holds, whatever order was typed. */
export function choose<Row extends { readonly name: string }>(
  option: string,
  list: string | undefined,
  table: readonly Row[],
): readonly Row[] {
  if (list === undefined) return table
  const names = list.split(',')
  for (const name of names) {
    if (table.some((row) => row.name === name)) continue
    throw new Error(`--${option}: no '${name}'; there are ${table.map((row) => row.name).join(', ')}`)
  }
  return table.filter((row) => names.includes(row.name))
}

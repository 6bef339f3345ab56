/** The colours of the style sheet. */
const COLOURS = 8

/** `text` is never markup: what people write stays what they wrote. */
export function element(name, className = '', text = '') {
  const made = document.createElement(name)
  if (className) made.className = className
  made.textContent = text
  return made
}

export function colourOf(shard) {
  return shard % COLOURS
}

export function badge({ shard }) {
  const mark = element('span', 'badge', `shard ${shard}`)
  mark.dataset.shard = colourOf(shard)
  return mark
}

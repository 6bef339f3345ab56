import { badge, colourOf, element } from './elements.js'

const list = document.getElementById('people')
const threads = document.getElementById('threads')

/** The list, and the picture of the same: one line for each thread, with a knot for each person it holds. */
export function showPeople(people, you, shards) {
  const count = people.length === 1 ? '1 person' : `${people.length} people`
  document.getElementById('people-count').textContent = people.length
  document.getElementById('summary').textContent = `${count} on ${shards === 1 ? '1 shard' : `${shards} shards`}`
  list.replaceChildren(...people.map((person) => entry(person, you)))
  const lines = Array.from({ length: shards }, (_, shard) => thread(shard, people, you))
  threads.replaceChildren(mainThread(), ...lines)
}

function entry(person, you) {
  const item = element('li')
  const name = element('span', 'name', person.name)
  if (person.number === you.number) name.append(element('span', 'you', 'you'))
  item.append(name, badge(person))
  return item
}

function mainThread() {
  const line = element('li', 'main-thread')
  line.append(element('span', 'thread-name', 'main'), element('span', 'strand'))
  return line
}

function thread(shard, people, you) {
  const line = element('li')
  line.dataset.shard = colourOf(shard)
  const strand = element('span', 'strand')
  for (const person of people.filter((each) => each.shard === shard)) {
    const knot = element('b', person.number === you.number ? 'knot own' : 'knot', [...person.name][0])
    strand.append(knot)
  }
  line.append(element('span', 'thread-name', `shard ${shard}`), strand)
  return line
}

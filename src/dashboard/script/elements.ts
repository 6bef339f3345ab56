/** In the page: elements. Text is only ever set as text. */
export const ELEMENTS_SCRIPT = `
const byId = (id) => document.getElementById(id)

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

function setClass(node, name, isSet) {
  node.classList.toggle(name, isSet)
}

function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

function element(name, className, text) {
  const node = document.createElement(name)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

function path(className) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  node.setAttribute('class', className)
  return node
}

// As many children as there are items. Those that are there already stay, with focus and selection.
function fill(parent, items, create, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove()
  items.forEach((item, index) => {
    if (index === parent.children.length) parent.append(create())
    update(parent.children[index], item, index)
  })
}
`

import { ACTION_FIELD } from '../access.ts'

/** In the page: the buttons that change the server. */
export const ACTIONS_SCRIPT = `
const QUESTIONS = {
  reload: ['Reload every shard?', () => 'Each shard is replaced by a new one with fresh code. Connections move over and stay open.'],
  resize: ['Change the number of shards?', () => 'From ' + shardsNow + ' to ' + byId('shards').value + '. Connections move and stay open.'],
  drain: ['Drain this server?', () => 'It is shut down: nobody new is let in, and every open connection is asked to go. This cannot be undone.'],
}
let shardsNow = 0

function drawTools(sample) {
  const shards = sample.lanes.filter(({ state }) => state !== 'retiring').length
  const input = byId('shards')
  if (input !== null && document.activeElement !== input && shards !== shardsNow) input.value = String(shards)
  shardsNow = shards
}

const buttonOf = (action) => document.querySelector('[data-action="' + action + '"]')

function ask(action) {
  const [title, text] = QUESTIONS[action]
  const dialog = byId('confirm')
  setText(byId('confirm-title'), title)
  setText(byId('confirm-text'), text())
  const yes = byId('confirm-yes')
  setText(yes, buttonOf(action).textContent)
  setClass(yes, 'danger', action === 'drain')
  return new Promise((resolve) => {
    dialog.returnValue = ''
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true })
    dialog.showModal()
  })
}

byId('confirm-yes').addEventListener('click', () => byId('confirm').close('yes'))
byId('confirm-no').addEventListener('click', () => byId('confirm').close(''))

async function act(action) {
  const parameters = action === 'resize' ? { action, shards: byId('shards').value } : { action }
  const outcome = byId('outcome')
  outcome.className = 'outcome quiet'
  setText(outcome, 'Under way …')
  try {
    const response = await fetch(address(parameters), { method: 'POST', headers: { '${ACTION_FIELD}': '1' } })
    outcome.className = response.ok ? 'outcome' : 'outcome alarm'
    setText(outcome, (await response.text()).trim())
  } catch {
    outcome.className = 'outcome alarm'
    setText(outcome, 'The server cannot be reached.')
  }
}

for (const button of document.querySelectorAll('[data-action]')) {
  button.addEventListener('click', async () => {
    const input = byId('shards')
    if (button.dataset.action === 'resize' && !input.reportValidity()) return
    if (!(await ask(button.dataset.action))) return
    button.dataset.busy = 'yes'
    button.disabled = true
    await act(button.dataset.action)
    delete button.dataset.busy
    button.disabled = false
    button.focus()
  })
}
byId('shards')?.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return
  // Or the same key press would answer the question that it raises.
  event.preventDefault()
  buttonOf('resize').click()
})
`

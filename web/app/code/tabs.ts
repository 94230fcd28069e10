/** Shows the panel of one tab at a time. Arrow keys go from tab to tab, as ARIA's pattern has it. */
export function wireTabs(list: HTMLElement): void {
  const tabs = [...list.querySelectorAll<HTMLElement>('[role="tab"]')]
  const select = (chosen: HTMLElement) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen
      tab.setAttribute('aria-selected', String(isChosen))
      tab.tabIndex = isChosen ? 0 : -1
      const panel = document.getElementById(tab.getAttribute('aria-controls') ?? '')
      if (panel) panel.hidden = !isChosen
    }
  }
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener('click', () => select(tab))
    tab.addEventListener('keydown', ({ key }) => {
      const isBackward = getComputedStyle(list).direction === 'rtl' ? 'ArrowRight' : 'ArrowLeft'
      const isForward = isBackward === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft'
      const step = Number(key === isForward) - Number(key === isBackward)
      const next = tabs[(index + step + tabs.length) % tabs.length]
      if (step === 0 || !next) return
      select(next)
      next.focus()
    })
  }
  if (tabs[0]) select(tabs[0])
}

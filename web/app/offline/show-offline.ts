/** Milliseconds until the server is asked again. */
const againMs = 10_000

/** Says so while the server cannot be reached. */
export function showOffline(): void {
  const notice = document.createElement('p')
  notice.className = 'offline'
  notice.dataset.testid = 'offline'
  notice.setAttribute('role', 'status')
  document.body.append(notice)

  let timer: number | undefined
  const check = async () => {
    window.clearTimeout(timer)
    const isReachable = await fetch('./v2/health/live', { cache: 'no-store' }).then(
      ({ status }) => status < 500,
      () => false,
    )
    notice.textContent = isReachable ? '' : 'Offline: everything runs on this device.'
    if (!isReachable) timer = window.setTimeout(check, againMs)
  }
  window.addEventListener('offline', check)
  window.addEventListener('online', check)
  void check()
}

/** Milliseconds that this process has computed: unlike the clock, they do not depend on the machine's other work. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

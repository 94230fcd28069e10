import { describe, expect, test } from 'vitest'
import { DeviceHealth } from '../../../server/inference/gpu/device-health.ts'
import { createManualClock } from '../../support/manual-clock.ts'

describe('The health of GPUs', () => {
  const watch = (devices = ['0', '1']) => {
    const clock = createManualClock()
    const reports: string[] = []
    const health = new DeviceHealth({
      devices,
      clock,
      onSuspend: (device, forMs) => reports.push(`${device} for ${forMs / 1000} s`),
      onResume: (device) => reports.push(`${device} again`),
    })
    return { clock, health, reports }
  }

  test('suspends one that is lost twice in a minute, and tries it again later', () => {
    const { clock, health, reports } = watch()
    health.lost('0')
    clock.advance(59_000)
    expect(health.useOf('0')).toBe('used')
    health.lost('0')
    expect(health.useOf('0')).toBe('avoided')
    expect(health.isOut).toBe(false)
    clock.advance(60_000)
    expect(health.useOf('0')).toBe('used')
    expect(reports).toEqual(['0 for 60 s', '0 again'])
    expect(health.states()).toEqual([
      { device: '0', losses: 2, isSuspended: false },
      { device: '1', losses: 0, isSuspended: false },
    ])
  })

  test('takes losses that are far apart for accidents', () => {
    const { clock, health, reports } = watch()
    for (let loss = 0; loss < 5; loss++) {
      health.lost('0')
      clock.advance(61_000)
    }
    expect(reports).toEqual([])
  })

  test('waits twice as long each time, unless the device worked for ten minutes', () => {
    const { clock, health, reports } = watch(['0'])
    const loseTwice = () => {
      health.lost('0')
      health.lost('0')
    }
    loseTwice()
    expect(health.isOut).toBe(true)
    expect(health.useOf('0')).toBe('broken')
    clock.advance(60_000)
    loseTwice()
    clock.advance(120_000)
    expect(health.isOut).toBe(false)
    clock.advance(600_001)
    loseTwice()
    expect(reports.filter((report) => !report.includes('again'))).toEqual([
      '0 for 60 s',
      '0 for 120 s',
      '0 for 60 s',
    ])
  })
})

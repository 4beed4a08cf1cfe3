import type { Goal, Machine, Row, SuiteReport } from '../../bench/report.ts'

const machine: Machine = { cpu: 'A CPU', cores: 2, kernel: '6.1', node: '20.20.2', mosquitto: '2.0.11' }

export const aRow = (row: Partial<Row> = {}): Row => ({
  what: 'pairs',
  unit: 'µs',
  better: 'lower',
  series: [
    { contestant: 'Mooring', values: [1, 2, 3], refused: 0 },
    { contestant: 'Aedes', values: [20, 24, 40], refused: 0 },
  ],
  ...row,
})

export const aGoal = (goal: Partial<Goal> = {}): Goal => ({
  row: 'pairs',
  of: 'Mooring',
  against: 'Aedes',
  atLeast: 12,
  ...goal,
})

export const aSuite = (suite: Partial<SuiteReport> = {}): SuiteReport => ({
  name: 'messages',
  title: 'Messages',
  command: 'npm run bench -- messages',
  measuredAt: '2026-01-02T03:04:05.000Z',
  machine,
  repeats: 3,
  rows: [aRow()],
  goals: [aGoal()],
  notes: [],
  ...suite,
})

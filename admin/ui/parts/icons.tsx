/** Drawn on a grid of 16, in the colour of the text beside them; they say nothing that the text does not. */
const PATHS = {
  overview: 'M2 9.500h3l2-5 3 8 2-4.500h2',
  devices: 'M4.500 4.500h7v7h-7zM6.500 1.500v3m3-3v3m-3 7v3m3-3v3m-8-8h3m-3 3h3m7-3h3m-3 3h3',
  registration:
    'M10 2.500a3.500 3.500 0 1 1-1.300 6.700L7 11H5v2H2.500v-2.500L7 6a3.500 3.500 0 0 1 3-3.500zM10.800 5.200v.1',
  list: 'M6 4h8M6 8h8M6 12h8M2 4l.8.8L4.200 3.200M2 8l.8.8 1.400-1.600M2 12l.8.8 1.400-1.600',
  approvals: 'M8 1.800 13 4v4c0 3-2 5.200-5 6.300C5 13.200 3 11 3 8V4zM5.800 8l1.600 1.600 2.900-3.100',
  journal: 'M3.500 1.800h9v12.400h-9zM6 5h4M6 8h4M6 11h2.500',
  security: 'M4 7h8v6.500H4zM5.500 7V4.800a2.500 2.500 0 0 1 5 0V7M8 9.500v1.500',
  system: 'M2 3h12v4H2zM2 9h12v4H2zM4.500 5v.1M4.500 11v.1',
  api: 'M5.500 4 2 8l3.500 4M10.500 4 14 8l-3.500 4',
} as const

export type IconName = keyof typeof PATHS

export const Icon = ({ name }: { name: IconName }) => (
  <svg
    width="16"
    height="16"
    viewBox="0 0 16 16"
    fill="none"
    stroke="currentColor"
    stroke-width="1.4"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    <path d={PATHS[name]} />
  </svg>
)

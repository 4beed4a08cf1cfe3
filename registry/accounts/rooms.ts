/** accounts: name → account · sessions: digest → session · apiTokens: name → token · replays: digest → answer */
export const ACCOUNT_ROOMS = {
  accounts: 'admin-accounts',
  sessions: 'admin-sessions',
  apiTokens: 'api-tokens',
  replays: 'admin-replays',
} as const

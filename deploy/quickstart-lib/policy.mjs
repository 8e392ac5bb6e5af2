// The signing policy that the quickstart gives to every member.

/** Text of policy.toml: default deny; limits in units per currency. */
export function policyToml(limits) {
  const tables = Object.entries(limits).map(([currency, limit]) => [
    `[currencies.${currency}]`,
    `mint_per_transaction = "${limit.mintPerTransaction}"`,
    `mint_per_day = "${limit.mintPerDay}"`,
    `payout_per_transaction = "${limit.payoutPerTransaction}"`,
    `payout_per_day = "${limit.payoutPerDay}"`,
    '',
  ].join('\n'));
  return `version = 1\n\n${tables.join('\n')}\n[governance]\nballots = "allow"\nproposals = "allow"\n`;
}

export const LIMITS = {
  BTC: { mintPerTransaction: 100, mintPerDay: 1000, payoutPerTransaction: 50, payoutPerDay: 500 },
  LTC: { mintPerTransaction: 1000, mintPerDay: 10000, payoutPerTransaction: 500, payoutPerDay: 5000 },
};

/** What is said while a talk comes to a limit of money. */
const WHOSE: Record<string, string> = {
  session: "this talk",
  user_day: "your day",
  tenant_day: "the business's day",
};

export function budgetWords(budget: string, isSpent: boolean): string {
  const whose = WHOSE[budget] ?? WHOSE["session"]!;
  return isSpent ? `The budget of ${whose} is spent: the agent says so and the talk ends.` : `The budget of ${whose} is nearly spent.`;
}

// later
export const checkBudgets = () => ({ skipped: 'later' });

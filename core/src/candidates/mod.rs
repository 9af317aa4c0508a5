//! Candidate generation: nearest by user vector, popular in context; union and budgets.

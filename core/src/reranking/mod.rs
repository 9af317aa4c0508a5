//! Re-ranking: diversity and exploration, which writes the propensities.

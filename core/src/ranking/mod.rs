//! Ranking: feature rows and the ranker's scores.

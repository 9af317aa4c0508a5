//! Why each item is there: parts that sum to the score.

//! The night job: order of work, the loop over contexts, publication, the journal of runs.

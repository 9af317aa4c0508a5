//! Learning: from feedback to weak labels to the profile of the next night.

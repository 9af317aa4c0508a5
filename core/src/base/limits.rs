//! Every bound on what comes from outside, each with its reason.

/// Bytes of an identifier: room for a URL-like id, small enough to repeat in every event.
pub const ID_BYTES_MAX: usize = 128;

/// Items of a catalogue: their rows fit 32-bit indices with room, and 64 dimensions of int8 codes
/// fit 256 MiB of address space, which a 32-bit phone can still map.
pub const ITEMS_MAX: usize = 4_000_000;

/// Dimensions of an embedding: i32 sums of int8 products cannot overflow below 133,000.
pub const DIMENSIONS_MAX: usize = 1_024;

/// Bytes of `manifest.json`: a plan with 256 contexts and 4,096 tensors takes about 600 kB, the
/// chunks of 4 GiB another 330 kB.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Bytes of one chunk of a file, of which the manifest may hold the digest: little is fetched twice
/// after a cut, and 4 GiB have 4,096 digests, which the manifest has room for.
pub const CHUNK_BYTES: u64 = 1 << 20;

/// Chunks of one file.
pub const CHUNKS_MAX: usize = (RELEASE_BYTES_MAX / CHUNK_BYTES) as usize;

/// Bytes of a safetensors header: 4,096 tensors with names of 128 bytes fit.
pub const TENSOR_HEADER_BYTES_MAX: u64 = 1 << 20;

/// Tensors of one file.
pub const TENSORS_MAX: usize = 4_096;

/// Dimensions (rank) of one tensor.
pub const TENSOR_RANK_MAX: usize = 8;

/// Bytes of one release: a phone's free space is small change beside this.
pub const RELEASE_BYTES_MAX: u64 = 4 << 30;

/// Bytes of one line of a catalogue or of checks.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Attributes of one item.
pub const ATTRIBUTES_MAX: usize = 64;

/// Greatest magnitude of a weight: products of two of them, summed over 4,000,000 items, stay below
/// the greatest f32, so that no score overflows.
pub const WEIGHT_MAX: f32 = 1e15;

/// Surfaces of a plan.
pub const SURFACES_MAX: usize = 64;

/// Contexts of a plan.
pub const CONTEXTS_MAX: usize = 256;

/// Slots of one slate: more than anyone scrolls, and a slate stays one small blob.
pub const SLATE_LENGTH_MAX: usize = 1_000;

/// Rules of a plan: with the exposures as many as the bits that note which of them touched a slot.
pub const RULES_MAX: usize = 96;

/// Answers of a plan that are told with noise.
pub const PRIVATE_ANSWERS_MAX: usize = 16;

/// Bounds between the ranges of a number that is told with noise.
pub const PRIVATE_EDGES_MAX: usize = 64;

/// Exposures of a plan.
pub const EXPOSURES_MAX: usize = 32;

/// Candidates handed to ranking for one slate.
pub const CANDIDATES_MAX: usize = 10_000;

/// Bytes of a stored blob after decoding: a slate of 1,000 slots with reasons takes about 300 kB.
pub const BLOB_BYTES_MAX: usize = 8 << 20;

/// Events of one `record` call: a screen has dozens, an import thousands.
pub const EVENTS_PER_CALL_MAX: usize = 10_000;

/// Events of one upload batch: about 100 kB before compression.
pub const BATCH_EVENTS_MAX: usize = 500;

/// History items kept in a profile: beyond this the oldest and weakest go first.
pub const HISTORY_ITEMS_MAX: usize = 2_000;

/// Milliseconds by which an event may lie in the future: clocks of phones disagree with
/// themselves by minutes, not days.
pub const FUTURE_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// Milliseconds of one dwell: a week.
pub const DWELL_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Bytes of an item's title: no screen of a phone shows more.
pub const TITLE_BYTES_MAX: usize = 1_000;

/// Opening spans of one item: seven days with several spans each.
pub const HOURS_MAX: usize = 64;

/// Files of one release: three today, and each costs an open, a hash and a flush.
pub const RELEASE_FILES_MAX: usize = 64;

/// Bytes of a delta's header: 64 files and 64 sources with names of 128 bytes take about 20 kB.
pub const DELTA_HEADER_BYTES_MAX: usize = 32 * 1024;

/// Greatest version of a release: exact as a number in every JSON reader (2^53 - 1).
pub const VERSION_MAX: u64 = (1 << 53) - 1;

/// Arms of one experiment: beyond this no arm of a phone app's traffic shows anything.
pub const ARMS_MAX: usize = 16;

/// Features of a ranker.
pub const RANKER_FEATURES_MAX: usize = 128;

/// Bytes of a repository's `root.json`: what python-tuf allows by default; 64 keys take 20 kB.
pub const ROOT_BYTES_MAX: u64 = 512_000;

/// Bytes of `timestamp.json`: it names one file.
pub const TIMESTAMP_BYTES_MAX: u64 = 16_384;

/// Bytes of `snapshot.json`: it names one file here, and up to 1,024 where others delegate.
pub const SNAPSHOT_BYTES_MAX: u64 = 256 * 1024;

/// Bytes of `targets.json`: about 4,000 releases and deltas.
pub const TARGETS_BYTES_MAX: u64 = 2_000_000;

/// Root files followed in one refresh: years of rotations, and an end to a malicious chain.
pub const ROOTS_PER_UPDATE_MAX: u32 = 256;

/// Keys of a repository's root, and signatures of one metadata file.
pub const TRUST_KEYS_MAX: usize = 64;

/// Depth of nested objects and lists in metadata: targets with custom data need 6.
pub const METADATA_DEPTH_MAX: usize = 16;
/// Checks of one release: the exam sits on a phone at night, a slate or two for each check.
pub const CHECKS_MAX: usize = 256;

/// Bytes of `checks.jsonl`: as many checks with histories of two hundred items.
pub const CHECKS_BYTES_MAX: u64 = 4 << 20;

/// Events of a history in a check: what matters of a person's taste shows in fewer.
pub const CHECK_HISTORY_MAX: usize = 500;

/// Items that one check names beside its histories.
pub const CHECK_ITEMS_MAX: usize = 64;

/// Bytes of the reason for which a check failed: it is stored and shown.
pub const CHECK_REASON_BYTES_MAX: usize = 400;

/// Names of failed checks that an upload carries: more are counted.
pub const EXAM_NAMES_MAX: usize = 16;
/// Attributes of a whole catalogue, by name and kind: each is a column over all items.
pub const COLUMNS_MAX: usize = 256;

/// Bytes of a text attribute: a description, no book.
pub const TEXT_BYTES_MAX: usize = 65_535;

/// Bytes of one of several words of an attribute. Words are stored once and named by many items,
/// so this and [`WORDS_MAX`] bound what a small file makes of itself when an item is decoded.
pub const WORD_BYTES_MAX: usize = 1_000;

/// Words of one attribute of one item.
pub const WORDS_MAX: usize = 256;

/// Values that one row of a ranker's features may have: groups such as the user's vector take as
/// many as it has dimensions, so that three groups of the longest vectors fit with room.
pub const RANKER_WIDTH_MAX: usize = 4 * DIMENSIONS_MAX;

/// Hidden layers of a tower or a ranker, and cross layers of a ranker.
pub const LAYERS_MAX: usize = 8;

/// Width of a hidden layer.
pub const LAYER_WIDTH_MAX: usize = 4_096;

/// Blocks of a transformer: published models for sequences of items have two or three.
pub const BLOCKS_MAX: usize = 16;

/// Positions of a transformer: a profile keeps no longer history.
pub const POSITIONS_MAX: usize = HISTORY_ITEMS_MAX;

/// Points of a table of calibration.
pub const CALIBRATION_POINTS_MAX: usize = 256;

/// Values of all tensors of `model.safetensors` together: 64 MB, which a night holds in memory.
pub const MODEL_VALUES_MAX: u64 = 16 << 20;

/// Bytes of a file of slates for widgets: an extension of a phone may use some 30 MB in all, and
/// this is 64 slates of 20 slots with room.
pub const WIDGET_BYTES_MAX: usize = 1 << 20;

/// Reasons of one slot of such a file: as many as a widget could show, and more.
pub const WIDGET_REASONS_MAX: usize = 16;

/// Own kinds of events that an app declares.
pub const KINDS_MAX: usize = 64;

/// Fields of one own kind.
pub const DETAILS_MAX: usize = 16;

/// Words that one field may choose from.
pub const DETAIL_WORDS_MAX: usize = 64;

/// Bytes of such a word.
pub const DETAIL_WORD_BYTES_MAX: usize = 64;

/// The greatest whole number that every JSON reader keeps exact (2^53 - 1).
pub const SAFE_INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// Milliseconds without an event that end a session: half an hour, as web analytics count visits.
pub const SESSION_GAP_MS: i64 = 30 * 60 * 1_000;

//! Why a release is refused: one variant for each reason, so that a backend engineer can act on it.

/// A reason to refuse a release or one of its files.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A file that the manifest names is absent.
    #[error("the file is missing")]
    Missing,
    /// The file has another length than the manifest says.
    #[error("{found} bytes long, the manifest says {expected}")]
    WrongLength {
        /// Length in the manifest.
        expected: u64,
        /// Length on disk.
        found: u64,
    },
    /// The file has another SHA-256 than the manifest says.
    #[error("SHA-256 is {found}, the manifest says {expected}")]
    WrongHash {
        /// Digest in the manifest, lower-case hex.
        expected: String,
        /// Digest of the file, lower-case hex.
        found: String,
    },
    /// There is no signature.
    #[error("not signed")]
    NotSigned,
    /// No trusted key made the signature over these bytes.
    #[error("the signature is not one of a trusted key over these bytes")]
    WrongSignature,
    /// Not the format that was expected.
    #[error("not {expected}: {reason}")]
    UnknownFormat {
        /// What it should be.
        expected: &'static str,
        /// What was found.
        reason: String,
    },
    /// The format's version is newer than this library.
    #[error("format version {found}, this library reads up to {supported}")]
    FormatTooNew {
        /// Version in the file.
        found: u64,
        /// Newest version this library reads.
        supported: u64,
    },
    /// The release was made for a newer library than this one.
    #[error("needs library {needed}, this is {have}: update the app before this release")]
    RuntimeTooOld {
        /// The oldest version that may use it.
        needed: String,
        /// The version of this library.
        have: String,
    },
    /// One chunk of a file has another SHA-256 than the manifest says.
    #[error("chunk {index} (from byte {begin}): SHA-256 is {found}, the manifest says {expected}")]
    WrongChunk {
        /// Which chunk, from 0.
        index: u64,
        /// Offset of its first byte.
        begin: u64,
        /// Digest in the manifest, lower-case hex.
        expected: String,
        /// Digest of the chunk, lower-case hex.
        found: String,
    },
    /// A field of a JSON document is absent, of a wrong type, unknown or out of range.
    #[error("{field}: {reason}")]
    Field {
        /// Path of the field.
        field: String,
        /// What was wrong and what is allowed.
        reason: String,
    },
    /// Text that is not UTF-8.
    #[error("{field}: not UTF-8: {reason}")]
    NotUtf8 {
        /// Path of the field, or the tensor and the offset in it.
        field: String,
        /// What was found, and where.
        reason: String,
    },
    /// A name or a title with a control character, which would break lines in logs and URLs.
    #[error("{field}: a control character: {reason}")]
    ControlCharacter {
        /// Path of the field, or the tensor and the offset in it.
        field: String,
        /// What was found, and where.
        reason: String,
    },
    /// A JSON document of more levels than any format has.
    #[error("{field}: nested too deep: {reason}")]
    TooDeep {
        /// Path of the field, shortened.
        field: String,
        /// What was found, and where.
        reason: String,
    },
    /// A key that is twice in one JSON object: two readers could believe two different values.
    #[error("{field}: a key twice: {reason}")]
    DuplicateKey {
        /// Path of the field.
        field: String,
        /// What was found, and where.
        reason: String,
    },
    /// NaN, infinity or a number beyond every range in a JSON document.
    #[error("{field}: not a number that JSON can hold: {reason}")]
    NotANumber {
        /// Path of the field.
        field: String,
        /// What was found, and where.
        reason: String,
    },
    /// A bound of [`crate::base::limits`] is exceeded.
    #[error("{what} is {found}, at most {limit} is allowed")]
    TooLarge {
        /// The bounded thing.
        what: &'static str,
        /// What was found.
        found: u64,
        /// The bound.
        limit: u64,
    },
    /// The file ends before what it announces.
    #[error("truncated: {have} bytes, {need} needed")]
    Truncated {
        /// Bytes that are there.
        have: u64,
        /// Bytes that are needed.
        need: u64,
    },
    /// Tensors overlap, leave a gap, or run past the end of the file.
    #[error("tensor {tensor}: bytes {begin}..{end} overlap, leave a gap or leave the file")]
    Layout {
        /// The tensor.
        tensor: String,
        /// Begin offset in the data section.
        begin: u64,
        /// End offset in the data section.
        end: u64,
    },
    /// A tensor name holds something else than `[A-Za-z0-9._-]`, or is too long or twice there.
    #[error("tensor name {name:?}: {reason}")]
    TensorName {
        /// The name, shortened.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A tensor that the architecture needs is absent.
    #[error("tensor {tensor} is missing")]
    MissingTensor {
        /// The tensor.
        tensor: String,
    },
    /// A tensor has another shape than the architecture needs.
    #[error("tensor {tensor} has shape {found:?}, {expected:?} is needed")]
    WrongShape {
        /// The tensor.
        tensor: String,
        /// Needed shape.
        expected: Vec<u64>,
        /// Shape in the file.
        found: Vec<u64>,
    },
    /// A tensor has another dtype than the architecture needs.
    #[error("tensor {tensor} has dtype {found}, {expected} is needed")]
    WrongDtype {
        /// The tensor.
        tensor: String,
        /// Needed dtype.
        expected: String,
        /// Dtype in the file.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error("tensor {tensor}: value {index} is not finite")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Index of the first such value, row-major.
        index: u64,
    },
    /// Two rows of the catalogue have the same id.
    #[error("item {id:?} is there twice, as numbers {first_line} and {line}")]
    DuplicateItem {
        /// The id.
        id: String,
        /// Line (`catalogue.jsonl`) or row of the first, from 1.
        first_line: u64,
        /// Line or row of the second, from 1.
        line: u64,
    },
    /// The release needs something this library does not have.
    #[error("incompatible: {what} is {found}, {expected} is needed")]
    Incompatible {
        /// The thing.
        what: &'static str,
        /// What is needed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A version that is not newer than the newest ever active here.
    #[error("version {offered} is not newer than {have}")]
    Rollback {
        /// Highest version seen.
        have: u64,
        /// Version offered.
        offered: u64,
    },
    /// The release was active here and was given up; publish the repaired one as a new version.
    #[error("was given up on this device: {reason}")]
    RevertedBefore {
        /// Why it was given up.
        reason: String,
    },
    /// The release was made for another app.
    #[error("made for the app {found:?}, this is {expected:?}")]
    OtherApp {
        /// The app of this device.
        expected: String,
        /// The app in the manifest.
        found: String,
    },
    /// The plan that the app brings names other contexts than the release, whose popularity by
    /// context has a row for each of its own.
    #[error(
        "the app's plan has the contexts {plan}, the release has {release}: bring them in line"
    )]
    PlanContexts {
        /// Contexts of the app's plan.
        plan: String,
        /// Contexts of the release.
        release: String,
    },
    /// The release's time has run out.
    #[error("expired at {expires_ms} (Unix ms), and it is {now_ms}: publish a newer one")]
    Expired {
        /// End, Unix milliseconds.
        expires_ms: i64,
        /// The device's clock, Unix milliseconds.
        now_ms: i64,
    },
    /// The release's time has not come, or the device's clock is far behind.
    #[error("made at {created_ms} (Unix ms), and it is {now_ms}: one of the two clocks is wrong")]
    NotYetValid {
        /// Begin, Unix milliseconds.
        created_ms: i64,
        /// The device's clock, Unix milliseconds.
        now_ms: i64,
    },
    /// The release does not do what its own checks ask for.
    #[error("{failed} of {total} checks failed; {first}")]
    ExamFailed {
        /// Checks that failed.
        failed: u32,
        /// All checks.
        total: u32,
        /// The first that failed, by its id, and why.
        first: String,
    },
    /// A file name that leaves the release directory or is a symbolic link.
    #[error("not a plain file of the release directory")]
    UnsafePath,
    /// The delta starts from another release than the one that is installed.
    #[error("starts from the release of manifest {expected}, installed is that of {found}")]
    DeltaBase {
        /// SHA-256 of the manifest that the delta starts from, lower-case hex.
        expected: String,
        /// SHA-256 of the installed manifest, lower-case hex.
        found: String,
    },
    /// The delta makes other files than the manifest binds.
    #[error("the delta is not one to this release: {reason}")]
    DeltaTarget {
        /// What differs.
        reason: &'static str,
    },
    /// What the delta says about a file cannot be followed.
    #[error("the delta's records cannot be followed at byte {offset}: {reason}")]
    DeltaRecords {
        /// Bytes of the new file that were made before; 0 in the delta's header.
        offset: u64,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The delta copies bytes that the older file does not have.
    #[error("the delta copies {length} bytes from {offset} on of a file of {have} bytes")]
    DeltaCopy {
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
        /// Length of the older file.
        have: u64,
    },
}

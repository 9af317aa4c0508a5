//! The header of a safetensors file.

use noctule_core::base::limits::TENSOR_HEADER_BYTES_MAX;
use noctule_core::release::TensorLayout;

use super::{Target, answer};
use crate::Shape;

pub(super) const TARGET: Target = Target {
    name: "tensors",
    execute,
    seeds,
    shape: Shape::Headed { at: 0, width: 8 },
    tokens: &[
        "\"__metadata__\":{\"a\":\"b\"},",
        "\"dtype\":\"F32\"",
        "\"F16\"",
        "\"BF16\"",
        "\"I8\"",
        "\"U8\"",
        "\"I64\"",
        "\"F8_E4M3\"",
        "\"shape\":[2,2]",
        "\"data_offsets\":[0,16]",
        "[0,0]",
        "4611686018427387904",
        "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},",
    ],
    bytes_max: TENSOR_HEADER_BYTES_MAX as usize + 64,
    // The header, what is parsed of it, and the words of a refusal.
    declared_bytes: 2 * TENSOR_HEADER_BYTES_MAX as usize + 64 * 1_024,
};

fn execute(bytes: &[u8]) -> u64 {
    let layout = TensorLayout::of_bytes(bytes);
    if let Ok(layout) = &layout {
        let mut total = 0;
        for (_, info) in layout.iter() {
            assert!(info.begin <= info.end && info.end <= bytes.len() as u64, "leaves its file");
            total += info.end - info.begin;
        }
        assert!(layout.is_empty() || total < bytes.len() as u64, "more values than bytes");
        // Names are checked by themselves; both answers count.
        return answer(&layout.check_names()).rotate_left(1);
    }
    answer(&layout)
}

fn seeds() -> Vec<Vec<u8>> {
    let container = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 1);
        bytes
    };
    let two = r#"{"__metadata__":{"made":"here"},
        "codes":{"dtype":"I8","shape":[3,2],"data_offsets":[24,30]},
        "embedding":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}}"#;
    let single = r#"{"x":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}"#;
    let empty = r#"{"x":{"dtype":"U8","shape":[0,4],"data_offsets":[0,0]}}"#;
    vec![container(two, 30), container(single, 8), container(empty, 0), container("{}", 0)]
}

//! A safetensors file, made in memory.

use crate::base::Dtype;

use super::text::ROWS_PER_ANCHOR;

/// The tensors of a file that is being made.
#[derive(Debug, Default)]
pub(super) struct Container(Vec<Tensor>);

#[derive(Debug)]
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Container {
    /// Adds a tensor of one dimension; the bytes say how many values it has.
    pub(super) fn add(&mut self, name: impl Into<String>, dtype: Dtype, bytes: Vec<u8>) {
        let shape = vec![bytes.len() / dtype.bytes() as usize];
        self.add_shaped(name, dtype, shape, bytes);
    }

    pub(super) fn add_shaped(
        &mut self,
        name: impl Into<String>,
        dtype: Dtype,
        shape: Vec<usize>,
        bytes: Vec<u8>,
    ) {
        self.0.push(Tensor { name: name.into(), dtype, shape, bytes });
    }

    /// Adds unsigned numbers in the narrowest dtype that holds them all.
    pub(super) fn add_unsigned(&mut self, name: impl Into<String>, values: &[u32]) {
        let greatest = values.iter().copied().max().unwrap_or_default();
        if u8::try_from(greatest).is_ok() {
            self.add(name, Dtype::U8, values.iter().map(|value| *value as u8).collect());
        } else if u16::try_from(greatest).is_ok() {
            let bytes = values.iter().flat_map(|value| (*value as u16).to_le_bytes());
            self.add(name, Dtype::U16, bytes.collect());
        } else {
            self.add(name, Dtype::U32, u32s(values));
        }
    }

    /// Adds a column of text: its bytes, lengths and anchors.
    pub(super) fn add_text<'a>(&mut self, name: &str, texts: impl Iterator<Item = &'a str>) {
        let (mut bytes, mut lengths, mut anchors) = (Vec::new(), Vec::new(), Vec::new());
        for text in texts {
            if lengths.len() % ROWS_PER_ANCHOR == 0 {
                anchors.extend((bytes.len() as u64).to_le_bytes());
            }
            // Every text was checked to be shorter than 2^16 bytes.
            lengths.push(text.len() as u32);
            bytes.extend(text.as_bytes());
        }
        anchors.extend((bytes.len() as u64).to_le_bytes());
        self.add(format!("{name}.bytes"), Dtype::U8, bytes);
        self.add_unsigned(format!("{name}.lengths"), &lengths);
        self.add(format!("{name}.anchors"), Dtype::U64, anchors);
    }

    /// The file: a padded header, then the tensors by falling width, so that all are aligned.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.0.sort_by(|a, b| {
            b.dtype.bytes().cmp(&a.dtype.bytes()).then_with(|| a.name.cmp(&b.name))
        });
        let (mut entries, mut end) = (Vec::new(), 0);
        for Tensor { name, dtype, shape, bytes } in &self.0 {
            let begin = end;
            end += bytes.len();
            entries.push(format!(
                "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\
                 \"data_offsets\":[{begin},{end}]}}"
            ));
        }
        let mut header = format!("{{{}}}", entries.join(",")).into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut file = Vec::with_capacity(8 + header.len() + end);
        file.extend((header.len() as u64).to_le_bytes());
        file.extend(header);
        for tensor in self.0 {
            file.extend(tensor.bytes);
        }
        file
    }
}

/// The bytes of `values`.
pub(super) fn u32s(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

//! Masking (RFC 6455 section 5.3). It is its own inverse.

/// Four bytes from the client's random source, fresh for every frame.
pub type MaskKey = [u8; 4];

/// Eight bytes at a time in safe code; the compiler turns the loop into vector instructions.
pub(super) fn apply(key: MaskKey, bytes: &mut [u8]) {
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for chunk in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(eight) ^ word).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn every_length_masks_as_the_rfc_defines_it() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..40u8 {
            let plain: Vec<u8> = (0..length).collect();
            let mut masked = plain.clone();
            apply(key, &mut masked);
            let slow: Vec<u8> = plain
                .iter()
                .enumerate()
                .map(|(i, b)| b ^ key[i % 4])
                .collect();
            assert_eq!(masked, slow);
        }
    }
}

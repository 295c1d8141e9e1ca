//! Checking base64 without decoding it.

/// How many bytes the text stands for; `None` unless it is canonical standard base64 with padding.
///
/// Text that passes holds no quote, backslash or control character, so it is safe inside JSON.
pub fn decoded_bytes(text: &[u8]) -> Option<usize> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let (symbols, padding, unused_bits) = match text {
        [symbols @ .., b'=', b'='] => (symbols, 2, 0b1111),
        [symbols @ .., b'='] => (symbols, 1, 0b11),
        symbols => (symbols, 0, 0),
    };
    // No early exit and no table: the loop then becomes vector instructions, and good text is the rule.
    let is_clean = symbols
        .iter()
        .fold(true, |clean, byte| clean & is_symbol(*byte));
    let is_canonical = symbols
        .last()
        .is_none_or(|last| symbol_value(*last) & unused_bits == 0);
    (is_clean && is_canonical).then(|| text.len() / 4 * 3 - padding)
}

/// One of the 64 characters of the standard alphabet.
#[inline]
fn is_symbol(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    is_letter | is_digit | (byte == b'+') | (byte == b'/')
}

fn symbol_value(symbol: u8) -> u8 {
    match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

#[cfg(test)]
mod tests {
    use super::decoded_bytes;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    #[test]
    fn exactly_64_bytes_are_symbols() {
        let symbols: Vec<u8> = (0..=255).filter(|byte| super::is_symbol(*byte)).collect();
        assert_eq!(
            symbols,
            b"+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        );
    }

    proptest! {
        #[test]
        fn the_check_and_the_decoder_agree(text in "[A-Za-z0-9+/= \"]{0,12}|[AQgwBC]{2,3}={1,2}") {
            let decoded = STANDARD.decode(&text).ok().map(|bytes| bytes.len());
            prop_assert_eq!(decoded_bytes(text.as_bytes()), decoded);
        }
    }
}

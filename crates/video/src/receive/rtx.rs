//! Retransmissions (RFC 4588): packets of a stream of their own, whose payloads begin with the
//! sequence number that the packet had at first.

/// Bytes of the sequence number.
pub const HEADER_BYTES: usize = 2;

/// The original sequence number and payload, or `None` when the payload is too short.
pub fn original(payload: &[u8]) -> Option<(u16, &[u8])> {
    let (sequence, payload) = payload.split_first_chunk::<HEADER_BYTES>()?;
    Some((u16::from_be_bytes(*sequence), payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_is_in_front() {
        assert_eq!(original(&[0x12, 0x34, 5]), Some((0x1234, &[5][..])));
        // A packet of nothing: padding, sent to measure the line.
        assert_eq!(original(&[0, 1]), Some((1, &[][..])));
        assert_eq!(original(&[0]), None);
    }
}

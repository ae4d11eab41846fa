//! Packets in any order become whole frames in order.

mod clock;
mod missing;
mod packets;
mod receiver;
pub mod rtx;
mod timing;

pub use clock::{NtpTime, Playout};
pub use packets::{IncomingPacket, Insert};
pub use receiver::{ReceivedFrame, Receiver, ReceiverConfig, ReceiverStats};

/// Extends a wrapping number to 64 bits by taking the value nearest to the last one.
fn unwrap_near(last: i64, value: u32, bits: u32) -> i64 {
    let modulus = 1_i64 << bits;
    let difference = (i64::from(value) - last).rem_euclid(modulus);
    if difference >= modulus / 2 { last + difference - modulus } else { last + difference }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_numbers_go_on() {
        for (last, value, expected) in
            [(65_535, 0, 65_536), (65_536, 65_535, 65_535), (0, 65_535, -1), (131_072, 3, 131_075)]
        {
            assert_eq!(unwrap_near(last, value, 16), expected, "{value} after {last}");
        }
        assert_eq!(unwrap_near(i64::from(u32::MAX), 5, 32), (1 << 32) + 5);
    }
}

//! Transport-wide feedback on the wire (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1):
//! when each packet of a stretch of transport-wide sequence numbers came.

/// Packets that one feedback tells of at most.
pub const PACKETS_MAX: usize = 256;

/// Bytes of what [`write`] writes at most: chunks of seven packets, two bytes for each packet.
pub const BYTES_MAX: usize = 8 + PACKETS_MAX.div_ceil(7) * 2 + PACKETS_MAX * 2 + 3;

/// Of the time at which a feedback begins, in microseconds.
const REFERENCE_US: u64 = 64_000;

/// Of the time between two packets, in microseconds.
const DELTA_US: u64 = 250;

const NOT_RECEIVED: u8 = 0;
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;

/// Writes everything after the SSRCs: when the packets from `base` on came, in microseconds of the
/// writer's clock, or that they did not. Returns the length, a multiple of four, and how many packets
/// it tells of; nothing is written when none of them came.
pub fn write(
    base: u16,
    arrivals: impl IntoIterator<Item = Option<u64>>,
    number: u8,
    out: &mut [u8; BYTES_MAX],
) -> Option<(usize, usize)> {
    let mut symbols = [NOT_RECEIVED; PACKETS_MAX];
    let mut deltas = [0; 2 * PACKETS_MAX];
    let (mut count, mut deltas_len, mut clock) = (0, 0, None);
    for (at, arrival) in arrivals.into_iter().take(PACKETS_MAX).enumerate() {
        if let Some(arrival) = arrival {
            let ticks = (arrival / DELTA_US) as i64;
            let reference = (arrival / REFERENCE_US * (REFERENCE_US / DELTA_US)) as i64;
            let (_, last) = *clock.get_or_insert((arrival / REFERENCE_US, reference));
            let Ok(delta) = i16::try_from(ticks - last) else { break };
            if let Ok(small) = u8::try_from(delta) {
                symbols[at] = SMALL_DELTA;
                deltas[deltas_len] = small;
                deltas_len += 1;
            } else {
                symbols[at] = LARGE_DELTA;
                deltas[deltas_len..deltas_len + 2].copy_from_slice(&delta.to_be_bytes());
                deltas_len += 2;
            }
            clock = clock.map(|(reference, _)| (reference, ticks));
        }
        count = at + 1;
    }
    let (reference, _) = clock?;
    out[..2].copy_from_slice(&base.to_be_bytes());
    out[2..4].copy_from_slice(&(count as u16).to_be_bytes());
    out[4..8].copy_from_slice(&(((reference as u32) << 8) | u32::from(number)).to_be_bytes());
    let mut len = 8;
    for seven in symbols[..count].chunks(7) {
        let bits = seven
            .iter()
            .enumerate()
            .fold(0u16, |bits, (at, symbol)| bits | u16::from(*symbol) << (12 - 2 * at));
        out[len..len + 2].copy_from_slice(&(0xc000 | bits).to_be_bytes());
        len += 2;
    }
    out[len..len + deltas_len].copy_from_slice(&deltas[..deltas_len]);
    len += deltas_len;
    let padded = len.next_multiple_of(4);
    out[len..padded].fill(0);
    Some((padded, count))
}

/// Reads what follows the SSRCs: calls `each` for every packet, with the time at which it came in
/// microseconds of the writer's clock, if it did. `None` when it is malformed or too much; `each` has
/// been called for what was read until then.
pub fn read(body: &[u8], mut each: impl FnMut(u16, Option<i64>)) -> Option<()> {
    let (head, rest) = body.split_first_chunk::<8>()?;
    let base = u16::from_be_bytes([head[0], head[1]]);
    let count = usize::from(u16::from_be_bytes([head[2], head[3]]));
    // 24 bits with sign.
    let reference = (u32::from_be_bytes([head[4], head[5], head[6], 0]) as i32) >> 8;
    if count > READ_MAX {
        return None;
    }
    // The deltas follow the chunks: these are walked twice.
    let (mut told, mut chunks_len) = (0, 0);
    while told < count {
        let chunk = rest.get(chunks_len..chunks_len + 2)?;
        told += chunk_packets(u16::from_be_bytes([chunk[0], chunk[1]]));
        chunks_len += 2;
    }
    let (chunks, mut deltas) = rest.split_at_checked(chunks_len)?;
    let mut clock = i64::from(reference) * REFERENCE_US as i64;
    let mut at = 0;
    for chunk in chunks.chunks_exact(2) {
        let chunk = u16::from_be_bytes([chunk[0], chunk[1]]);
        for place in 0..chunk_packets(chunk).min(count - at) {
            let delta = match symbol(chunk, place) {
                SMALL_DELTA => {
                    let (delta, after) = deltas.split_first()?;
                    deltas = after;
                    Some(i64::from(*delta))
                }
                LARGE_DELTA => {
                    let (delta, after) = deltas.split_first_chunk::<2>()?;
                    deltas = after;
                    Some(i64::from(i16::from_be_bytes(*delta)))
                }
                _ => None,
            };
            clock += delta.unwrap_or(0) * DELTA_US as i64;
            each(base.wrapping_add(at as u16), delta.map(|_| clock));
            at += 1;
        }
    }
    Some(())
}

/// Packets that a feedback may tell of to be read: seconds of any line.
const READ_MAX: usize = 4096;

fn chunk_packets(chunk: u16) -> usize {
    match chunk >> 14 {
        0b10 => 14,
        0b11 => 7,
        // A run; one of no packets would be read forever.
        _ => usize::from(chunk & 0x1fff).max(1),
    }
}

fn symbol(chunk: u16, place: usize) -> u8 {
    match chunk >> 14 {
        0b10 => (chunk >> (13 - place) & 1) as u8,
        0b11 => (chunk >> (12 - 2 * place) & 3) as u8,
        _ => (chunk >> 13 & 3) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(body: &[u8]) -> Option<Vec<(u16, Option<i64>)>> {
        let mut all = Vec::new();
        read(body, |sequence, at| all.push((sequence, at))).map(|()| all)
    }

    #[test]
    fn all_kinds_of_chunks_are_read() {
        let head = |count: u8| [0xff, 0xff, 0, count, 0, 0, 2, 9];
        let body = |count, rest: &[u8]| [&head(count)[..], rest].concat();
        let start = 128_000;
        // A run of three that came, 1 ms apart.
        let run = body(3, &[0x20, 3, 4, 4, 4, 0]);
        let at = |ms: i64| Some(start + ms * 1000);
        assert_eq!(read_all(&run).unwrap(), [(65_535, at(1)), (0, at(2)), (1, at(3))]);
        // One bit for each, and two bits for each with a step back.
        assert_eq!(read_all(&body(2, &[0x90, 0, 4, 0])).unwrap(), [(65_535, None), (0, at(1))]);
        let back = body(2, &[0xd8, 0, 4, 0xff, 0xfc, 0]);
        assert_eq!(read_all(&back).unwrap(), [(65_535, at(1)), (0, at(0))]);
        for (malformed, what) in [
            (body(3, &[0x20, 3, 4, 4]), "a delta short"),
            (body(3, &[0x20]), "half a chunk"),
            (body(30, &[0x00, 3]), "chunks short"),
            (vec![0; 7], "no head"),
        ] {
            assert_eq!(read_all(&malformed), None, "{what}");
        }
        assert_eq!(read_all(&[0, 0, 0xff, 0xff, 0, 0, 0, 0, 0x1f, 0xff]), None, "too much");
        assert!(
            read_all(&[&[0, 0, 0, 9, 0, 0, 0, 0][..], &[0; 18]].concat()).is_some(),
            "runs of nothing end"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            base: u16,
            number: u8,
            steps in proptest::collection::vec(proptest::option::weighted(0.8, -3_000i64..90_000), 1..400),
        ) {
            let mut clock = 10_000_000i64;
            let arrivals: Vec<Option<u64>> = steps.iter().map(|step| {
                step.map(|step| {
                    clock = (clock + step).max(0);
                    clock as u64
                })
            }).collect();
            let mut out = [0; BYTES_MAX];
            let written = write(base, arrivals.iter().copied(), number, &mut out);
            let came = arrivals.iter().take(PACKETS_MAX).any(Option::is_some);
            prop_assert_eq!(written.is_some(), came);
            if let Some((len, count)) = written {
                prop_assert_eq!((len % 4, count), (0, arrivals.len().min(PACKETS_MAX)));
                let read = read_all(&out[..len]).unwrap();
                prop_assert_eq!(read.len(), count);
                for (at, (sequence, arrival)) in read.into_iter().enumerate() {
                    prop_assert_eq!(sequence, base.wrapping_add(at as u16));
                    let expected = arrivals[at].map(|at| (at / DELTA_US * DELTA_US) as i64);
                    prop_assert_eq!(arrival, expected);
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut packets = 0;
            read(&body, |_, _| packets += 1);
            prop_assert!(packets <= READ_MAX);
        }
    }
}

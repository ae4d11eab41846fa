//! A moving test pattern that a machine can read: whose it is, which picture it is, and whether the
//! colours are right. It is read back after lossy coding, scaling and conversion to RGB.
//!
//! The picture is a grid of 16 × 9 cells. The first row holds eight colours, each two cells wide;
//! the next three hold 48 bits, black or white: 8 of the source's number, 24 of the picture's
//! number, 16 of a checksum. Below is something that moves, as an encoder would have to deal with.

use crate::{Picture, PictureRef, Size};

const COLUMNS: usize = 16;
const ROWS: usize = 9;
const BIT_ROWS: usize = 3;

/// The colours of the first row, in RGB. Three quarters of full, so that no conversion clips them.
const COLOURS: [[u8; 3]; 8] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
    [0, 0, 0],
];

/// White must be so much brighter than black for bits to be read, in luma of 0 to 255.
const CONTRAST_MIN: f32 = 60.0;

/// The picture's number counts so far, and then from 0.
pub const COUNTER_MAX: u32 = 0x00ff_ffff;

/// What was read from a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Whose picture it is.
    pub source: u8,
    /// Which picture it is.
    pub counter: u32,
    /// How far the worst colour is off, in steps of 255.
    pub colour_error: u8,
}

/// Pixels that were decoded and drawn elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    /// Rows without gaps; of each pixel red, green, blue and whatever follows.
    pub bytes: &'a [u8],
    /// In pixels.
    pub size: Size,
    /// Bytes of a pixel: 3 for RGB, 4 for RGBA.
    pub pixel_bytes: usize,
}

/// Draws the picture of this number.
pub fn draw(picture: &mut Picture, source: u8, counter: u32) {
    let counter = counter & COUNTER_MAX;
    let bits = bits(source, counter);
    let Size { width, height } = picture.size();
    let chroma_size = picture.size().chroma();
    let [luma, first, second] = picture.planes_mut();
    let (width, height) = (width as usize, height as usize);
    for row in 0..ROWS {
        let lines = row * height / ROWS..(row + 1) * height / ROWS;
        if lines.is_empty() {
            continue;
        }
        if row <= BIT_ROWS {
            let top = lines.start;
            for column in 0..COLUMNS {
                let value =
                    if row == 0 { to_yuv(COLOURS[column / 2])[0] } else { bit_luma(bits, row, column) };
                luma[top * width..][column * width / COLUMNS..(column + 1) * width / COLUMNS].fill(value);
            }
            for y in lines.skip(1) {
                luma.copy_within(top * width..(top + 1) * width, y * width);
            }
        } else {
            lines.for_each(|y| moving_line(&mut luma[y * width..][..width], y, row, counter));
        }
    }
    let (width, height) = (chroma_size.width as usize, chroma_size.height as usize);
    // Colours wander slowly where things move.
    let wander = [counter.wrapping_mul(3), counter.wrapping_mul(5)].map(|angle| 96 + (angle % 64) as u8);
    for (index, plane) in [first, second].into_iter().enumerate() {
        plane.fill(128);
        for y in 0..height / ROWS {
            for column in 0..COLUMNS {
                let value = to_yuv(COLOURS[column / 2])[index + 1];
                plane[y * width..][column * width / COLUMNS..(column + 1) * width / COLUMNS].fill(value);
            }
        }
        plane[(BIT_ROWS + 1) * height / ROWS * width..].fill(wander[index]);
    }
}

/// Reads a picture, or nothing when it is none of these.
pub fn read(picture: &PictureRef<'_>) -> Option<Reading> {
    read_means(picture.size(), |area| {
        let half = [
            area[0] / 2,
            (area[1] / 2).max(area[0] / 2 + 1),
            area[2] / 2,
            (area[3] / 2).max(area[2] / 2 + 1),
        ];
        let [luma, first, second] = picture.planes();
        let y = mean(luma.bytes, luma.stride, 1, area);
        to_rgb([y, mean(first.bytes, first.stride, 1, half), mean(second.bytes, second.stride, 1, half)])
    })
}

/// Reads pixels, or nothing when they are no picture of these.
pub fn read_pixels(pixels: &Pixels<'_>) -> Option<Reading> {
    let stride = pixels.size.width as usize * pixels.pixel_bytes;
    if pixels.pixel_bytes < 3 || pixels.bytes.len() < stride * pixels.size.height as usize {
        return None;
    }
    read_means(pixels.size, |area| {
        [0, 1, 2].map(|channel| mean(&pixels.bytes[channel..], stride, pixels.pixel_bytes, area))
    })
}

/// Reads the means of the cells' middles, which are areas: left, right, top, bottom.
fn read_means(size: Size, rgb: impl Fn([usize; 4]) -> [f32; 3]) -> Option<Reading> {
    let (width, height) = (size.width as usize, size.height as usize);
    if width < COLUMNS || height < ROWS {
        return None;
    }
    let cell = |row: usize, column: usize, columns: usize| {
        let middle =
            |index: usize, count: usize, len: usize, part: usize| (4 * index + part) * len / (4 * count);
        let (left, right) = (middle(column, columns, width, 1), middle(column, columns, width, 3));
        let (top, bottom) = (middle(row, ROWS, height, 1), middle(row, ROWS, height, 3));
        rgb([left, right.max(left + 1), top, bottom.max(top + 1)])
    };
    let colours: [[f32; 3]; 8] = std::array::from_fn(|column| cell(0, column, COLOURS.len()));
    let (white, black) = (brightness(colours[0]), brightness(colours[7]));
    if white - black < CONTRAST_MIN {
        return None;
    }
    let mut bits = 0_u64;
    for row in 1..=BIT_ROWS {
        for column in 0..COLUMNS {
            let bright = brightness(cell(row, column, COLUMNS)) > f32::midpoint(white, black);
            bits = bits << 1 | u64::from(bright);
        }
    }
    let (source, counter) = ((bits >> 40) as u8, (bits >> 16) as u32 & COUNTER_MAX);
    if bits != self::bits(source, counter) {
        return None;
    }
    let channels = colours.iter().flatten().zip(COLOURS.iter().flatten());
    let worst = channels.map(|(read, drawn)| (read - f32::from(*drawn)).abs()).fold(0.0, f32::max);
    Some(Reading { source, counter, colour_error: worst.round() as u8 })
}

/// Source, counter and checksum.
fn bits(source: u8, counter: u32) -> u64 {
    let data = u32::from(source) << 24 | counter;
    u64::from(data) << 16 | u64::from(checksum(data))
}

/// CRC-16/CCITT-FALSE. A picture all in black is none of ours.
fn checksum(data: u32) -> u16 {
    data.to_be_bytes().into_iter().fold(0xffff, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

fn bit_luma(bits: u64, row: usize, column: usize) -> u8 {
    let place = BIT_ROWS * COLUMNS - 1 - ((row - 1) * COLUMNS + column);
    if bits >> place & 1 == 1 { 235 } else { 16 }
}

/// Stripes that move, and in every other row a block that moves the other way.
fn moving_line(line: &mut [u8], y: usize, row: usize, counter: u32) {
    let shift = counter as usize * 4 + y;
    for (x, pixel) in line.iter_mut().enumerate() {
        *pixel = 64 + ((x + shift) % 64) as u8 * 2;
    }
    if row % 2 == 1 {
        let block = (line.len() / COLUMNS).max(1);
        let left = line.len() - block - counter as usize * 7 % (line.len() - block + 1);
        line[left..left + block].fill(220);
    }
}

fn mean(bytes: &[u8], stride: usize, step: usize, [left, right, top, bottom]: [usize; 4]) -> f32 {
    let sum: u32 = (top..bottom)
        .flat_map(|y| bytes[y * stride + left * step..].iter().step_by(step).take(right - left))
        .map(|byte| u32::from(*byte))
        .sum();
    sum as f32 / ((right - left) * (bottom - top)) as f32
}

fn brightness([red, green, blue]: [f32; 3]) -> f32 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// BT.709, limited range.
fn to_yuv(rgb: [u8; 3]) -> [u8; 3] {
    let rgb = rgb.map(f32::from);
    let luma = brightness(rgb);
    let chroma = |colour: f32, scale: f32| 128.0 + 224.0 / 255.0 * (colour - luma) / scale;
    let yuv = [16.0 + 219.0 / 255.0 * luma, chroma(rgb[2], 1.8556), chroma(rgb[0], 1.5748)];
    yuv.map(|value| value.round() as u8)
}

fn to_rgb([y, u, v]: [f32; 3]) -> [f32; 3] {
    let luma = (y - 16.0) * 255.0 / 219.0;
    let [blue, red] = [u, v].map(|chroma| (chroma - 128.0) * 255.0 / 224.0);
    let (blue, red) = (luma + 1.8556 * blue, luma + 1.5748 * red);
    let green = (luma - 0.2126 * red - 0.0722 * blue) / 0.7152;
    [red, green, blue].map(|value| value.clamp(0.0, 255.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scaler;
    use proptest::prelude::*;

    fn pixels(picture: &Picture) -> Vec<u8> {
        let [luma, first, second] = picture.view().planes();
        let Size { width, height } = picture.size();
        let mut pixels = Vec::new();
        for y in 0..height as usize {
            for x in 0..width as usize {
                let chroma = y / 2 * first.stride + x / 2;
                let yuv = [luma.bytes[y * luma.stride + x], first.bytes[chroma], second.bytes[chroma]];
                pixels.extend(to_rgb(yuv.map(f32::from)).map(|value| value.round() as u8));
                pixels.push(255);
            }
        }
        pixels
    }

    #[test]
    fn what_is_no_pattern_is_not_read() {
        let mut picture = Picture::new(Size::new(160, 90)).unwrap();
        assert_eq!(read(&picture.view()), None);
        draw(&mut picture, 3, 4);
        assert!(read(&picture.view()).is_some());
        // One bit is turned over.
        let [luma, ..] = picture.planes_mut();
        (10..20).for_each(|y| luma[y * 160..][..10].iter_mut().for_each(|pixel| *pixel = 251 - *pixel));
        assert_eq!(read(&picture.view()), None);
        assert_eq!(read(&Picture::new(Size::new(8, 8)).unwrap().view()), None);
        let short = Pixels { bytes: &[0; 100], size: Size::new(160, 90), pixel_bytes: 4 };
        assert_eq!(read_pixels(&short), None);
    }

    #[test]
    fn wrong_colours_are_told() {
        let mut picture = Picture::new(Size::new(320, 180)).unwrap();
        draw(&mut picture, 3, 4);
        let mut bytes = pixels(&picture);
        let view =
            |bytes: &[u8]| read_pixels(&Pixels { bytes, size: Size::new(320, 180), pixel_bytes: 4 }).unwrap();
        assert!(view(&bytes).colour_error <= 3, "{:?}", view(&bytes));
        bytes.chunks_exact_mut(4).for_each(|pixel| pixel.swap(0, 2));
        assert!(view(&bytes).colour_error > 150);
        assert_eq!((view(&bytes).source, view(&bytes).counter), (3, 4));
    }

    #[test]
    fn pictures_move() {
        let mut pictures = [0, 1].map(|_| Picture::new(Size::new(320, 180)).unwrap());
        draw(&mut pictures[0], 3, 4);
        draw(&mut pictures[1], 3, 5);
        let [first, second] = &pictures;
        let changed = first.bytes().iter().zip(second.bytes()).filter(|(a, b)| a != b).count();
        assert!(changed > first.bytes().len() / 3, "{changed}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_drawn_is_read_at_every_size(
            source: u8,
            counter in 0..=COUNTER_MAX,
            width in 64u32..700,
            height in 36u32..400,
            to_width in 64u32..700,
            to_height in 36u32..400,
        ) {
            let mut picture = Picture::new(Size::new(width, height)).unwrap();
            draw(&mut picture, source, counter);
            let is_read = |reading: Option<Reading>| {
                reading.is_some_and(|reading| (reading.source, reading.counter) == (source, counter))
            };
            prop_assert!(is_read(read(&picture.view())));
            let mut scaled = Picture::new(Size::new(to_width, to_height)).unwrap();
            Scaler::default().scale(&picture.view(), &mut scaled).unwrap();
            prop_assert!(is_read(read(&scaled.view())));
            let pixels = pixels(&scaled);
            let drawn = Pixels { bytes: &pixels, size: scaled.size(), pixel_bytes: 4 };
            prop_assert!(is_read(read_pixels(&drawn)));
        }
    }
}

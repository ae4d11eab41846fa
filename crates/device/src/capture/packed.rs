//! Pixels of screens, as I420 in BT.709, limited range, and as thumbnails.

use super::convert::{MODE, Rows, planar};
use super::{CaptureError, Image};
use voicehall_video::{Picture, Size};
use yuv::{YuvRange, YuvStandardMatrix};

/// In which order a pixel's colours are; a byte that means nothing follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    BlueFirst,
    RedFirst,
}

/// Pixels of four bytes. The picture's size is the rows', or [`allowed`]'s.
pub(super) fn packed(
    rows: &Rows<'_>,
    order: Order,
    picture: &mut Picture,
    room: &mut Vec<u8>,
) -> Result<(), CaptureError> {
    if !rows.is_whole(4) {
        return Err(CaptureError::Failed("the pixels are fewer than the size says".to_owned()));
    }
    // The library below leaves rows out that are not followed by all of their gap.
    let is_even = rows.bytes.len() >= rows.stride * rows.size.height as usize;
    if picture.size() == rows.size && is_even {
        return packed_as_is(rows, order, picture);
    }
    let size = picture.size();
    if size == rows.size {
        let len = size.width as usize * 4;
        room.clear();
        rows.bytes.chunks(rows.stride).take(size.height as usize).for_each(|row| room.extend(&row[..len]));
    } else {
        shrink(rows, size, room, |pixel| pixel);
    }
    packed_as_is(&Rows { bytes: room, stride: size.width as usize * 4, size }, order, picture)
}

fn packed_as_is(rows: &Rows<'_>, order: Order, picture: &mut Picture) -> Result<(), CaptureError> {
    let stride = rows.stride as u32;
    let bytes = &rows.bytes[..rows.bytes.len().min(rows.stride * rows.size.height as usize)];
    let convert = match order {
        Order::BlueFirst => yuv::bgra_to_yuv420,
        Order::RedFirst => yuv::rgba_to_yuv420,
    };
    convert(&mut planar(picture), bytes, stride, YuvRange::Limited, YuvStandardMatrix::Bt709, MODE)
        .map_err(CaptureError::failed)
}

impl Rows<'_> {
    /// Whether there are as many bytes as the size says.
    pub(super) fn is_whole(&self, pixel_bytes: usize) -> bool {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let row = width * pixel_bytes;
        row <= self.stride && (height == 0 || (height - 1) * self.stride + row <= self.bytes.len())
    }
}

/// The size of the pictures of a screen of this size: the same, or halved until it is allowed.
pub(super) fn allowed(size: Size) -> Size {
    let mut allowed = size;
    while allowed.width > 1 && allowed.height > 1 && !allowed.is_allowed() {
        allowed = Size::new(allowed.width / 2, allowed.height / 2);
    }
    allowed
}

/// What BGRX shows, no larger than `size_max` and in its own shape.
pub(super) fn thumbnail(rows: &Rows<'_>, size_max: Size) -> Image {
    let Size { width, height } = rows.size;
    let (width, height) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (most_wide, most_high) = (u64::from(size_max.width), u64::from(size_max.height));
    let size = if width <= most_wide && height <= most_high {
        rows.size
    } else if most_wide * height <= most_high * width {
        Size::new(size_max.width.max(1), (height * most_wide / width).max(1) as u32)
    } else {
        Size::new((width * most_high / height).max(1) as u32, size_max.height.max(1))
    };
    let mut rgba = Vec::new();
    shrink(rows, size, &mut rgba, |[blue, green, red, _]| [red, green, blue, 255]);
    Image { size, rgba }
}

/// Makes each pixel of a smaller picture the mean of those that it stands for.
fn shrink(rows: &Rows<'_>, size: Size, into: &mut Vec<u8>, map: impl Fn([u8; 4]) -> [u8; 4]) {
    let area = |n: u32, count: u32, whole: u32| {
        let from = u64::from(n) * u64::from(whole) / u64::from(count);
        let to = u64::from(n + 1) * u64::from(whole) / u64::from(count);
        from as usize..to.max(from + 1) as usize
    };
    into.clear();
    into.reserve(size.pixels() as usize * 4);
    for y in 0..size.height {
        for x in 0..size.width {
            let mut sums = [0_u32; 4];
            let mut count = 0;
            for row in area(y, size.height, rows.size.height) {
                let row = &rows.bytes[row * rows.stride..];
                for column in area(x, size.width, rows.size.width) {
                    for (sum, byte) in sums.iter_mut().zip(&row[column * 4..]) {
                        *sum += u32::from(*byte);
                    }
                    count += 1;
                }
            }
            into.extend(map(sums.map(|sum| (sum / count) as u8)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::convert::tests::{RED, RED_YUV, assert_filled, picture};
    use super::*;

    #[test]
    fn screens_keep_their_colours_in_odd_sizes_and_wide_rows() {
        for (size, padding) in [(Size::new(64, 36), 0), (Size::new(63, 37), 20), (Size::new(1, 1), 4)] {
            let stride = size.width as usize * 4 + padding;
            let bytes: Vec<u8> = [RED[2], RED[1], RED[0], 77].repeat(stride * size.height as usize / 4 + 1);
            let mut picture = picture(size);
            packed(&Rows { bytes: &bytes, stride, size }, Order::BlueFirst, &mut picture, &mut Vec::new())
                .unwrap();
            assert_filled(&picture, RED_YUV, 1);
            let bytes: Vec<u8> = [RED[0], RED[1], RED[2], 77].repeat(stride * size.height as usize / 4 + 1);
            picture.planes_mut().into_iter().for_each(|plane| plane.fill(0));
            packed(&Rows { bytes: &bytes, stride, size }, Order::RedFirst, &mut picture, &mut Vec::new())
                .unwrap();
            assert_filled(&picture, RED_YUV, 1);
        }
    }

    #[test]
    fn the_last_row_needs_no_gap_after_it() {
        let (size, stride) = (Size::new(6, 4), 40);
        let mut bytes = [RED[2], RED[1], RED[0], 0].repeat(stride);
        bytes.truncate(3 * stride + 6 * 4);
        let mut picture = picture(size);
        let rows = Rows { bytes: &bytes, stride, size };
        packed(&rows, Order::BlueFirst, &mut picture, &mut Vec::new()).unwrap();
        assert_filled(&picture, RED_YUV, 1);
    }

    #[test]
    fn screens_that_are_too_large_are_halved() {
        assert_eq!(allowed(Size::new(3840, 2160)), Size::new(3840, 2160));
        assert_eq!(allowed(Size::new(5120, 1440)), Size::new(2560, 720));
        assert_eq!(allowed(Size::new(7680, 4320)), Size::new(3840, 2160));
        let size = Size::new(5120, 4);
        let bytes = [RED[2], RED[1], RED[0], 0].repeat(size.pixels() as usize);
        let mut picture = picture(allowed(size));
        packed(
            &Rows { bytes: &bytes, stride: 5120 * 4, size },
            Order::BlueFirst,
            &mut picture,
            &mut Vec::new(),
        )
        .unwrap();
        assert_filled(&picture, RED_YUV, 1);
    }

    #[test]
    fn pixels_that_are_missing_are_an_error() {
        let size = Size::new(8, 8);
        let rows = Rows { bytes: &[0; 40], stride: 32, size };
        assert!(packed(&rows, Order::BlueFirst, &mut picture(size), &mut Vec::new()).is_err());
    }

    #[test]
    fn thumbnails_keep_shape_and_colours() {
        let size = Size::new(400, 100);
        let bytes = [3, 2, 1, 0].repeat(size.pixels() as usize);
        let rows = Rows { bytes: &bytes, stride: 1600, size };
        let small = thumbnail(&rows, Size::new(160, 90));
        assert_eq!(small.size, Size::new(160, 40));
        assert_eq!(small.rgba, [1, 2, 3, 255].repeat(160 * 40));
        assert_eq!(thumbnail(&rows, Size::new(1000, 1000)).size, size);
        assert_eq!(thumbnail(&rows, Size::new(1000, 10)).size, Size::new(40, 10));
    }
}

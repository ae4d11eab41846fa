//! Pictures: I420, that is full-size luma and two chroma planes of half the width and height.
//!
//! All pictures here are BT.709 in limited range; the encoders say so in the stream.

use crate::VideoError;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl Size {
    /// The most pixels a picture may have: what H.264 level 5.1 and AV1 level 5.1 allow, which
    /// holds 3840 × 2160. Nothing is allocated for a stream that claims more.
    pub const PIXELS_MAX: u32 = 4096 * 2304;

    /// The longest side.
    pub const SIDE_MAX: u32 = 4096;

    /// A size as it is; see [`Self::check`].
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Whether a picture of this size may be allocated.
    pub const fn is_allowed(self) -> bool {
        self.width > 0
            && self.height > 0
            && self.width <= Self::SIDE_MAX
            && self.height <= Self::SIDE_MAX
            && self.width * self.height <= Self::PIXELS_MAX
    }

    /// The size itself, if a picture of it may be allocated.
    ///
    /// # Errors
    /// [`VideoError::PictureSize`] when it is empty or too large.
    pub const fn check(self) -> Result<Self, VideoError> {
        if self.is_allowed() {
            Ok(self)
        } else {
            Err(VideoError::PictureSize { width: self.width, height: self.height })
        }
    }

    /// Of a chroma plane.
    pub const fn chroma(self) -> Self {
        Self { width: self.width.div_ceil(2), height: self.height.div_ceil(2) }
    }

    /// In pixels.
    pub const fn pixels(self) -> u32 {
        self.width * self.height
    }

    /// The largest size of this shape whose shorter side is at most `side`, with even sides; never
    /// larger than this one.
    pub fn limited_to(self, side: u32) -> Self {
        let shorter = self.width.min(self.height);
        if shorter <= side {
            return self.scaled(1, 1);
        }
        self.scaled(side, shorter)
    }

    /// This size times `numerator / denominator`, with even sides of at least two pixels.
    pub fn scaled(self, numerator: u32, denominator: u32) -> Self {
        let scale = |side: u32| {
            let exact = u64::from(side) * u64::from(numerator);
            // To the nearest even number, but never up beyond the whole.
            let halves = (exact + u64::from(denominator)) / (2 * u64::from(denominator));
            let most = u64::from(side) * u64::from(numerator.max(denominator)) / u64::from(denominator) / 2;
            (halves.min(most).max(1) * 2) as u32
        };
        Self { width: scale(self.width), height: scale(self.height) }
    }

    const fn area(self) -> usize {
        self.width as usize * self.height as usize
    }
}

/// A plane of bytes that somebody else owns.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// Rows, each [`Self::stride`] bytes after the one before; the last one may be shorter.
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

impl<'a> Plane<'a> {
    /// The first `width` bytes of a row.
    pub fn row(&self, y: usize, width: usize) -> &'a [u8] {
        &self.bytes[y * self.stride..][..width]
    }

    fn holds(&self, size: Size) -> bool {
        let (width, height) = (size.width as usize, size.height as usize);
        width <= self.stride
            && self
                .stride
                .checked_mul(height - 1)
                .and_then(|rows| rows.checked_add(width))
                .is_some_and(|bytes| bytes <= self.bytes.len())
    }
}

/// A picture that somebody else owns: Y, U, V.
#[derive(Debug, Clone, Copy)]
pub struct PictureRef<'a> {
    size: Size,
    planes: [Plane<'a>; 3],
}

impl<'a> PictureRef<'a> {
    /// A picture of three planes: Y, U, V.
    ///
    /// # Errors
    /// [`VideoError::PictureSize`] when the size is not allowed or a plane is too short for it.
    pub fn new(size: Size, planes: [Plane<'a>; 3]) -> Result<Self, VideoError> {
        let [y, u, v] = &planes;
        size.check()?;
        if y.holds(size) && u.holds(size.chroma()) && v.holds(size.chroma()) {
            Ok(Self { size, planes })
        } else {
            Err(VideoError::PictureSize { width: size.width, height: size.height })
        }
    }

    /// Of the luma plane.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Y, U, V.
    pub fn planes(&self) -> [Plane<'a>; 3] {
        self.planes
    }
}

/// A picture of its own: planes without gaps, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    bytes: Vec<u8>,
}

impl Picture {
    /// A black picture.
    ///
    /// # Errors
    /// [`VideoError::PictureSize`] when the size is not allowed.
    pub fn new(size: Size) -> Result<Self, VideoError> {
        size.check()?;
        let mut picture = Self { size, bytes: Vec::new() };
        picture.resize(size)?;
        Ok(picture)
    }

    /// Becomes a black picture of this size, in the memory that it has if that suffices.
    ///
    /// # Errors
    /// [`VideoError::PictureSize`] when the size is not allowed.
    pub fn resize(&mut self, size: Size) -> Result<(), VideoError> {
        size.check()?;
        self.size = size;
        self.bytes.clear();
        self.bytes.resize(size.area(), 16);
        self.bytes.resize(size.area() + 2 * size.chroma().area(), 128);
        Ok(())
    }

    /// Becomes a copy.
    pub fn copy_from(&mut self, picture: &PictureRef<'_>) {
        self.size = picture.size;
        self.bytes.clear();
        for (plane, size) in picture.planes.iter().zip(plane_sizes(picture.size)) {
            for y in 0..size.height as usize {
                self.bytes.extend_from_slice(plane.row(y, size.width as usize));
            }
        }
    }

    /// Of the luma plane.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All planes, one after the other: what is sent to who draws it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The picture as everything here reads it.
    pub fn view(&self) -> PictureRef<'_> {
        let [y, u, v] = plane_sizes(self.size);
        let (luma, chroma) = self.bytes.split_at(y.area());
        let (first, second) = chroma.split_at(u.area());
        let planes = [(luma, y), (first, u), (second, v)]
            .map(|(bytes, size)| Plane { bytes, stride: size.width as usize });
        PictureRef { size: self.size, planes }
    }

    /// Y, U, V, to be written; each row follows the one before without a gap.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let (luma, chroma) = self.bytes.split_at_mut(self.size.area());
        let (first, second) = chroma.split_at_mut(self.size.chroma().area());
        [luma, first, second]
    }
}

/// The sizes of Y, U and V.
pub(crate) fn plane_sizes(size: Size) -> [Size; 3] {
    [size, size.chroma(), size.chroma()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_limited_in_their_shape_and_even() {
        for (from, side, expected) in [
            ((1280, 720), 720, (1280, 720)),
            ((1920, 1080), 720, (1280, 720)),
            ((1280, 720), 180, (320, 180)),
            ((720, 1280), 360, (360, 640)),
            ((640, 480), 720, (640, 480)),
            ((641, 481), 720, (640, 480)),
            ((4096, 2), 180, (4096, 2)),
            ((4096, 16), 8, (2048, 8)),
            ((1, 1), 180, (2, 2)),
        ] {
            let size = Size::new(from.0, from.1).limited_to(side);
            assert_eq!((size.width, size.height), expected, "{from:?} to {side}");
        }
    }

    #[test]
    fn claims_of_size_are_checked_before_memory_is_taken() {
        for (width, height, allowed) in [
            (0, 1, false),
            (1, 0, false),
            (1, 1, true),
            (3840, 2160, true),
            (2160, 3840, true),
            (4096, 4096, false),
            (100_000, 100_000, false),
            (u32::MAX, u32::MAX, false),
        ] {
            assert_eq!(Size::new(width, height).is_allowed(), allowed, "{width} × {height}");
            assert_eq!(Picture::new(Size::new(width, height)).is_ok(), allowed);
        }
    }

    #[test]
    fn short_planes_are_no_picture() {
        let bytes = [0; 64];
        let plane = |len, stride| Plane { bytes: &bytes[..len], stride };
        let size = Size::new(7, 5);
        for (y, u, whole) in [
            (plane(35, 7), plane(12, 4), true),
            (plane(39, 8), plane(12, 4), true),
            (plane(34, 7), plane(12, 4), false),
            (plane(35, 6), plane(12, 4), false),
            (plane(35, 7), plane(11, 4), false),
            (Plane { bytes: &bytes, stride: usize::MAX }, plane(12, 4), false),
        ] {
            assert_eq!(PictureRef::new(size, [y, u, plane(12, 4)]).is_ok(), whole);
        }
    }

    #[test]
    fn a_copy_has_no_gaps() {
        let bytes: Vec<u8> = (0..40).collect();
        let planes = [
            Plane { bytes: &bytes, stride: 10 },
            Plane { bytes: &bytes, stride: 10 },
            Plane { bytes: &bytes[20..], stride: 10 },
        ];
        let mut picture = Picture::new(Size::new(2, 2)).unwrap();
        picture.copy_from(&PictureRef::new(Size::new(3, 3), planes).unwrap());
        let expected = [0, 1, 2, 10, 11, 12, 20, 21, 22, 0, 1, 10, 11, 20, 21, 30, 31];
        assert_eq!(picture.bytes(), expected);
    }
}

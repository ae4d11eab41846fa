//! Pictures made smaller, for the layers of a simulcast and for thumbnails.

use crate::frame::plane_sizes;
use crate::{Picture, PictureRef, Plane, Size, VideoError};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

/// Scales pictures; keeps its buffers from one to the next.
#[derive(Debug, Default)]
pub struct Scaler {
    resizer: Resizer,
    rows: Vec<u8>,
}

impl Scaler {
    /// Fills `into` with `picture`, stretched to its size.
    ///
    /// # Errors
    /// [`VideoError::PictureSize`], which does not happen for pictures that could be made.
    pub fn scale(&mut self, picture: &PictureRef<'_>, into: &mut Picture) -> Result<(), VideoError> {
        let (from, to) = (picture.size(), into.size());
        if from == to {
            into.copy_from(picture);
            return Ok(());
        }
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter(from, to)));
        let sizes = plane_sizes(from).into_iter().zip(plane_sizes(to));
        for ((plane, bytes), (from, to)) in picture.planes().iter().zip(into.planes_mut()).zip(sizes) {
            let rows = gapless(plane, from, &mut self.rows);
            let source = TypedImageRef::<U8>::from_buffer(from.width, from.height, rows);
            let target = TypedImage::<U8>::from_buffer(to.width, to.height, bytes);
            let (Ok(source), Ok(mut target)) = (source, target) else {
                return Err(VideoError::PictureSize { width: from.width, height: from.height });
            };
            self.resizer
                // The untyped way compiles everything for every kind of pixel.
                .resize_typed(&source, &mut target, &options)
                .map_err(|_| VideoError::PictureSize { width: from.width, height: from.height })?;
        }
        Ok(())
    }
}

/// The mean of whole pixels is the best and fastest there is for whole ratios, and wanders by half
/// a pixel otherwise.
fn filter(from: Size, to: Size) -> FilterType {
    let whole = from.width.is_multiple_of(to.width) && from.height.is_multiple_of(to.height);
    if whole { FilterType::Box } else { FilterType::Bilinear }
}

/// The rows of a plane one after the other, copied if there is anything between them.
fn gapless<'a>(plane: &Plane<'a>, size: Size, rows: &'a mut Vec<u8>) -> &'a [u8] {
    let (width, height) = (size.width as usize, size.height as usize);
    if plane.stride == width {
        return &plane.bytes[..width * height];
    }
    rows.clear();
    (0..height).for_each(|y| rows.extend_from_slice(plane.row(y, width)));
    rows
}

//! A thin safe wrapper around libaom's decoder.

use super::obu::{self, Obu};
use crate::frame::plane_sizes;
use crate::{Picture, PictureRef, Plane, Size, VideoDecoder, VideoError};
use libaom_sys as sys;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

/// One decoder. It decodes 8-bit 4:2:0, which is all that calls send.
pub struct Av1Decoder {
    context: Box<sys::aom_codec_ctx_t>,
}

// SAFETY: the library's decoder is bound to no thread, and `&mut self` keeps others out.
unsafe impl Send for Av1Decoder {}

impl Av1Decoder {
    /// A decoder that waits for a key frame.
    ///
    /// # Errors
    /// [`VideoError::CodecSetup`] when the library fails.
    pub fn new() -> Result<Self, VideoError> {
        let config = sys::aom_codec_dec_cfg { threads: 1, w: 0, h: 0, allow_lowbitdepth: 1 };
        let mut context = Box::new(MaybeUninit::zeroed());
        // SAFETY: the context is written, the configuration read; the version is that of the bindings.
        let code = unsafe {
            sys::aom_codec_dec_init_ver(
                context.as_mut_ptr(),
                sys::aom_codec_av1_dx(),
                &raw const config,
                0,
                sys::AOM_DECODER_ABI_VERSION as c_int,
            )
        };
        if code != sys::AOM_CODEC_OK {
            return Err(VideoError::CodecSetup { codec: "AV1", code: code as i32 });
        }
        // SAFETY: it has just been set up.
        Ok(Self { context: unsafe { context.assume_init() } })
    }

    /// Claims are checked before the library takes memory for them.
    fn check(frame: &[u8]) -> Result<(), VideoError> {
        let mut rest = frame;
        while !rest.is_empty() {
            let (unit, after) = Obu::split(rest).ok_or(INVALID)?;
            if unit.kind() == obu::SEQUENCE_HEADER && obu::sequence_size(unit.content).is_none() {
                return Err(INVALID);
            }
            rest = after;
        }
        Ok(())
    }
}

impl VideoDecoder for Av1Decoder {
    fn decode(&mut self, frame: &[u8], out: &mut Picture) -> Result<bool, VideoError> {
        Self::check(frame)?;
        // SAFETY: the decoder lives, and the frame is as long as it says.
        let code = unsafe {
            sys::aom_codec_decode(&raw mut *self.context, frame.as_ptr(), frame.len(), ptr::null_mut())
        };
        if code != sys::AOM_CODEC_OK {
            return Err(VideoError::Decode { code: code as i32 });
        }
        let mut position = ptr::null();
        let mut shown = false;
        loop {
            // SAFETY: the decoder lives; what it returns stays until its next call.
            let image =
                unsafe { sys::aom_codec_get_frame(&raw mut *self.context, &raw mut position).as_ref() };
            let Some(image) = image else { return Ok(shown) };
            out.copy_from(&view(image)?);
            shown = true;
        }
    }
}

impl Drop for Av1Decoder {
    fn drop(&mut self) {
        // SAFETY: set up by its counterpart and given back once.
        unsafe { sys::aom_codec_destroy(&raw mut *self.context) };
    }
}

/// What is no frame.
const INVALID: VideoError = VideoError::Decode { code: sys::AOM_CODEC_CORRUPT_FRAME as i32 };

fn view(image: &sys::aom_image_t) -> Result<PictureRef<'_>, VideoError> {
    let size = Size::new(image.d_w, image.d_h).check()?;
    // Profiles with more colour or depth have another format.
    if image.fmt != sys::AOM_IMG_FMT_I420 || image.monochrome != 0 {
        return Err(VideoError::Decode { code: sys::AOM_CODEC_UNSUP_BITSTREAM as i32 });
    }
    let mut planes = [Plane { bytes: &[][..], stride: 0 }; 3];
    for (index, size) in plane_sizes(size).into_iter().enumerate() {
        let stride = usize::try_from(image.stride[index]).map_err(|_| INVALID)?;
        let len = stride * (size.height as usize - 1) + size.width as usize;
        // SAFETY: the library's planes are as large as their size and strides say.
        let bytes = unsafe { std::slice::from_raw_parts(image.planes[index], len) };
        planes[index] = Plane { bytes, stride };
    }
    PictureRef::new(size, planes)
}

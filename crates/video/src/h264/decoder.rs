//! A thin safe wrapper around OpenH264's decoder.

use super::nal::{self, nal_units};
use super::sps::SequenceParameters;
use crate::{Picture, PictureRef, Plane, Size, VideoDecoder, VideoError};
use openh264_sys2 as sys;
use std::ffi::{c_int, c_long, c_void};
use std::ptr::{self, NonNull};

/// One decoder. It conceals nothing: a damaged frame is an error, and shown are whole ones only.
pub struct H264Decoder {
    library: NonNull<sys::ISVCDecoder>,
}

// SAFETY: the library's decoder is bound to no thread, and `&mut self` keeps others out.
unsafe impl Send for H264Decoder {}

impl H264Decoder {
    /// A decoder that waits for a key frame.
    ///
    /// # Errors
    /// [`VideoError::CodecSetup`] when the library fails.
    pub fn new() -> Result<Self, VideoError> {
        let setup = |code: c_long| VideoError::CodecSetup { codec: "H.264", code: code as i32 };
        let mut library = ptr::null_mut();
        // SAFETY: writes the decoder's address, and null when it fails.
        let code = unsafe { sys::source::APILoader::WelsCreateDecoder(&raw mut library) };
        let library = NonNull::new(library).ok_or(setup(code))?;
        // From here on the destructor gives the decoder back.
        let decoder = Self { library };
        let mut parameters = sys::SDecodingParam {
            uiTargetDqLayer: u8::MAX,
            eEcActiveIdc: sys::ERROR_CON_DISABLE,
            ..Default::default()
        };
        parameters.sVideoProperty.eVideoBsType = sys::VIDEO_BITSTREAM_AVC;
        let call = decoder.functions().SetOption.ok_or(MISSING)?;
        let mut quiet: c_int = sys::WELS_LOG_QUIET;
        let level = (&raw mut quiet).cast::<c_void>();
        // SAFETY: the decoder lives, and the level is an int.
        unsafe { call(decoder.library.as_ptr(), sys::DECODER_OPTION_TRACE_LEVEL, level) };
        let call = decoder.functions().Initialize.ok_or(MISSING)?;
        // SAFETY: the decoder lives, and the parameters are only read.
        let code = unsafe { call(decoder.library.as_ptr(), &raw const parameters) };
        if code == 0 { Ok(decoder) } else { Err(setup(code)) }
    }

    fn functions(&self) -> &sys::ISVCDecoderVtbl {
        // SAFETY: a decoder is a pointer to its table of functions, which lives as long as it.
        unsafe { &**self.library.as_ptr() }
    }
}

impl VideoDecoder for H264Decoder {
    fn decode(&mut self, frame: &[u8], out: &mut Picture) -> Result<bool, VideoError> {
        let invalid = VideoError::Decode { code: sys::dsInvalidArgument };
        // Claims are checked before the library takes memory for them.
        let parameters = nal_units(frame).filter(|unit| nal::kind(unit[0]) == nal::SPS);
        if !parameters.map(SequenceParameters::parse).all(|parameters| parameters.is_some()) {
            return Err(invalid);
        }
        let len = c_int::try_from(frame.len()).map_err(|_| invalid)?;
        let mut planes = [ptr::null_mut::<u8>(); 3];
        let mut info = sys::SBufferInfo::default();
        let call = self.functions().DecodeFrameNoDelay.ok_or(MISSING)?;
        // SAFETY: the decoder lives, the frame is as long as it says, and both results are written.
        let code =
            unsafe { call(self.library.as_ptr(), frame.as_ptr(), len, planes.as_mut_ptr(), &raw mut info) };
        if code != sys::dsErrorFree {
            return Err(VideoError::Decode { code });
        }
        if info.iBufferStatus != 1 || planes.iter().any(|plane| plane.is_null()) {
            return Ok(false);
        }
        // SAFETY: the status says that a picture in memory was written.
        let buffer = unsafe { info.UsrData.sSystemBuffer };
        let number = |number: c_int| u32::try_from(number).unwrap_or(0);
        let size = Size::new(number(buffer.iWidth), number(buffer.iHeight)).check()?;
        let rows = [
            (size, buffer.iStride[0]),
            (size.chroma(), buffer.iStride[1]),
            (size.chroma(), buffer.iStride[1]),
        ];
        let mut views = [Plane { bytes: &[][..], stride: 0 }; 3];
        for ((view, plane), (size, stride)) in views.iter_mut().zip(planes).zip(rows) {
            let stride = number(stride) as usize;
            let len = stride * (size.height as usize - 1) + size.width as usize;
            // SAFETY: the library's planes are as large as their size and strides say, and stay until its next call.
            *view = Plane { bytes: unsafe { std::slice::from_raw_parts(plane, len) }, stride };
        }
        out.copy_from(&PictureRef::new(size, views)?);
        Ok(true)
    }
}

impl Drop for H264Decoder {
    fn drop(&mut self) {
        if let Some(call) = self.functions().Uninitialize {
            // SAFETY: the decoder lives.
            unsafe { call(self.library.as_ptr()) };
        }
        // SAFETY: made by its counterpart and given back once.
        unsafe { sys::source::APILoader::WelsDestroyDecoder(self.library.as_ptr()) };
    }
}

/// The library's table lacks a function: it is not the version it says.
const MISSING: VideoError = VideoError::CodecSetup { codec: "H.264", code: -1 };

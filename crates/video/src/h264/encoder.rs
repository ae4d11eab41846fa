//! A thin safe wrapper around OpenH264's encoder: constrained baseline, one spatial layer.

use super::nal;
use crate::{ContentHint, EncodedFrame, EncoderConfig, PictureRef, Rate, Size, VideoEncoder, VideoError};
use openh264_sys2 as sys;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::time::Duration;

/// One encoder. It makes a key frame when asked, and of itself only at the start.
pub struct H264Encoder {
    library: NonNull<sys::ISVCEncoder>,
    info: Box<sys::SFrameBSInfo>,
    size: Size,
    key_frame_wanted: bool,
}

// SAFETY: the library's encoder is bound to no thread, and `&mut self` keeps others out.
unsafe impl Send for H264Encoder {}

impl H264Encoder {
    /// An encoder for pictures of one size.
    ///
    /// # Errors
    /// [`VideoError::PictureSize`] for sizes that are not allowed or odd,
    /// [`VideoError::CodecSetup`] and [`VideoError::CodecSetting`] when the library refuses.
    pub fn new(config: &EncoderConfig) -> Result<Self, VideoError> {
        let size = config.size.check()?;
        if !size.width.is_multiple_of(2) || !size.height.is_multiple_of(2) {
            return Err(VideoError::PictureSize { width: size.width, height: size.height });
        }
        let mut library = ptr::null_mut();
        // SAFETY: writes the encoder's address, and null when it fails.
        let code = unsafe { sys::source::APILoader::WelsCreateSVCEncoder(&raw mut library) };
        let library = NonNull::new(library).ok_or(VideoError::CodecSetup { codec: "H.264", code })?;
        let info = Box::new(sys::SFrameBSInfo::default());
        // From here on the destructor gives the encoder back.
        let mut encoder = Self { library, info, size, key_frame_wanted: false };
        let quiet: c_int = sys::WELS_LOG_QUIET;
        encoder.set(sys::ENCODER_OPTION_TRACE_LEVEL, "trace level", quiet)?;
        let parameters = encoder.parameters(config)?;
        let call = encoder.functions().InitializeExt.ok_or(MISSING)?;
        // SAFETY: the encoder lives, and the parameters are only read.
        let code = unsafe { call(encoder.library.as_ptr(), &raw const parameters) };
        checked("parameters", code)?;
        encoder.set(sys::ENCODER_OPTION_TRACE_LEVEL, "trace level", quiet)?;
        Ok(encoder)
    }

    fn functions(&self) -> &sys::ISVCEncoderVtbl {
        // SAFETY: an encoder is a pointer to its table of functions, which lives as long as it.
        unsafe { &**self.library.as_ptr() }
    }

    fn parameters(&self, config: &EncoderConfig) -> Result<sys::SEncParamExt, VideoError> {
        let mut parameters = sys::SEncParamExt::default();
        let call = self.functions().GetDefaultParams.ok_or(MISSING)?;
        // SAFETY: the encoder lives, and the parameters are written.
        checked("default parameters", unsafe { call(self.library.as_ptr(), &raw mut parameters) })?;
        let (width, height) = (config.size.width as c_int, config.size.height as c_int);
        let bitrate = config.rate.bitrate as c_int;
        let frame_rate = config.rate.frame_rate.max(1) as f32;
        let screen = config.content == ContentHint::Detail;
        parameters.iUsageType =
            if screen { sys::SCREEN_CONTENT_REAL_TIME } else { sys::CAMERA_VIDEO_REAL_TIME };
        parameters.iPicWidth = width;
        parameters.iPicHeight = height;
        parameters.iTargetBitrate = bitrate;
        parameters.iRCMode = sys::RC_BITRATE_MODE;
        parameters.fMaxFrameRate = frame_rate;
        parameters.bEnableFrameSkip = true;
        parameters.iTemporalLayerNum = c_int::from(config.temporal_layers.clamp(1, 2));
        // Key frames come when somebody asks, with parameter sets that never change their id.
        parameters.uiIntraPeriod = 0;
        parameters.bEnableSceneChangeDetect = screen;
        parameters.eSpsPpsIdStrategy = sys::CONSTANT_ID;
        // No units of scalable H.264, which browsers do not know.
        parameters.bPrefixNalAddingCtrl = false;
        parameters.bSimulcastAVC = true;
        parameters.iMultipleThreadIdc = u16::from(config.threads.max(1));
        parameters.iComplexityMode = sys::LOW_COMPLEXITY;
        parameters.iNumRefFrame = 1;
        let layer = &mut parameters.sSpatialLayers[0];
        layer.iVideoWidth = width;
        layer.iVideoHeight = height;
        layer.fFrameRate = frame_rate;
        layer.iSpatialBitrate = bitrate;
        layer.uiProfileIdc = sys::PRO_BASELINE;
        if config.threads > 1 {
            layer.sSliceArgument.uiSliceMode = sys::SM_FIXEDSLCNUM_SLICE;
            layer.sSliceArgument.uiSliceNum = u32::from(config.threads);
        } else {
            layer.sSliceArgument.uiSliceMode = sys::SM_SINGLE_SLICE;
        }
        layer.bVideoSignalTypePresent = true;
        layer.uiVideoFormat = sys::VF_UNDEF as u8;
        layer.bFullRange = false;
        layer.bColorDescriptionPresent = true;
        layer.uiColorPrimaries = sys::CP_BT709 as u8;
        layer.uiTransferCharacteristics = sys::TRC_BT709 as u8;
        layer.uiColorMatrix = sys::CM_BT709 as u8;
        Ok(parameters)
    }

    fn set<T>(
        &mut self,
        option: sys::ENCODER_OPTION,
        name: &'static str,
        mut value: T,
    ) -> Result<(), VideoError> {
        let call = self.functions().SetOption.ok_or(MISSING)?;
        let value = (&raw mut value).cast::<c_void>();
        // SAFETY: the encoder lives, and each option is given the type that the library reads.
        checked(name, unsafe { call(self.library.as_ptr(), option, value) })
    }

    /// Copies what the library made and returns whether all of it can be discarded.
    fn collect(&self, out: &mut Vec<u8>) -> bool {
        let mut discardable = true;
        let layers = usize::try_from(self.info.iLayerNum).unwrap_or(0);
        for layer in self.info.sLayerInfo.iter().take(layers) {
            let units = usize::try_from(layer.iNalCount).unwrap_or(0);
            if units == 0 {
                continue;
            }
            // SAFETY: the library wrote as many lengths as it says, and as many bytes as they add up to;
            // both stay until its next call.
            let bytes = unsafe {
                let lens = std::slice::from_raw_parts(layer.pNalLengthInByte, units);
                let len = lens.iter().map(|len| usize::try_from(*len).unwrap_or(0)).sum();
                std::slice::from_raw_parts(layer.pBsBuf, len)
            };
            discardable &= nal::nal_units(bytes).all(|unit| nal::is_discardable(unit[0]));
            out.extend_from_slice(bytes);
        }
        discardable
    }
}

impl VideoEncoder for H264Encoder {
    fn encode(
        &mut self,
        picture: &PictureRef<'_>,
        at: Duration,
        out: &mut Vec<u8>,
    ) -> Result<Option<EncodedFrame>, VideoError> {
        out.clear();
        if picture.size() != self.size {
            let Size { width, height } = picture.size();
            return Err(VideoError::PictureSize { width, height });
        }
        if self.key_frame_wanted {
            let call = self.functions().ForceIntraFrame.ok_or(MISSING)?;
            // SAFETY: the encoder lives.
            let code = unsafe { call(self.library.as_ptr(), true) };
            checked("key frame", code)?;
        }
        let planes = picture.planes();
        let mut source = sys::SSourcePicture {
            iColorFormat: sys::videoFormatI420,
            iPicWidth: self.size.width as c_int,
            iPicHeight: self.size.height as c_int,
            uiTimeStamp: at.as_millis() as i64,
            ..sys::SSourcePicture::default()
        };
        for (index, plane) in planes.iter().enumerate() {
            source.iStride[index] = plane.stride as c_int;
            // The library takes it as mutable and only reads it.
            source.pData[index] = plane.bytes.as_ptr().cast_mut();
        }
        let call = self.functions().EncodeFrame.ok_or(MISSING)?;
        // SAFETY: the encoder lives; the planes are as long as their size and strides say.
        let code = unsafe { call(self.library.as_ptr(), &raw const source, &raw mut *self.info) };
        if code != 0 {
            return Err(VideoError::Encode { code });
        }
        if matches!(self.info.eFrameType, sys::videoFrameTypeSkip | sys::videoFrameTypeInvalid) {
            return Ok(None);
        }
        let discardable = self.collect(out);
        if out.is_empty() {
            return Ok(None);
        }
        let key = self.info.eFrameType == sys::videoFrameTypeIDR;
        self.key_frame_wanted &= !key;
        Ok(Some(EncodedFrame { key, discardable }))
    }

    fn request_key_frame(&mut self) {
        self.key_frame_wanted = true;
    }

    fn set_rate(&mut self, rate: Rate) -> Result<(), VideoError> {
        self.set(sys::ENCODER_OPTION_FRAME_RATE, "frame rate", rate.frame_rate.max(1) as f32)?;
        let bitrate = sys::SBitrateInfo { iLayer: sys::SPATIAL_LAYER_ALL, iBitrate: rate.bitrate as c_int };
        self.set(sys::ENCODER_OPTION_BITRATE, "bit rate", bitrate)
    }
}

impl Drop for H264Encoder {
    fn drop(&mut self) {
        // SAFETY: made by its counterpart and given back once; it uninitialises itself.
        unsafe { sys::source::APILoader::WelsDestroySVCEncoder(self.library.as_ptr()) };
    }
}

/// The library's table lacks a function: it is not the version it says.
const MISSING: VideoError = VideoError::CodecSetup { codec: "H.264", code: -1 };

fn checked(setting: &'static str, code: c_int) -> Result<(), VideoError> {
    if code == 0 { Ok(()) } else { Err(VideoError::CodecSetting { codec: "H.264", setting, code }) }
}

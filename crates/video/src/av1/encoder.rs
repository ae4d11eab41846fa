//! A thin safe wrapper around libaom's encoder, set up for calls as browsers set it up.

use crate::{ContentHint, EncodedFrame, EncoderConfig, PictureRef, Rate, Size, VideoEncoder, VideoError};
use libaom_sys as sys;
use std::ffi::{c_int, c_uint, c_ulong};
use std::mem::MaybeUninit;
use std::time::Duration;

/// The clock of its time stamps, in Hz.
const CLOCK_HZ: u32 = 90_000;

/// How little effort goes into each picture, of 0 to 11: what real time leaves for a screen.
const SPEED: c_int = 10;

/// What stays as it is, and why it is not the default: all of it costs more time than it saves
/// bits, or makes a frame wait for others.
const TOOLS: &[(sys::aome_enc_control_id, c_int)] = &[
    (sys::AOME_SET_CPUUSED, SPEED),
    (sys::AOME_SET_MAX_INTRA_BITRATE_PCT, 300),
    (sys::AV1E_SET_AQ_MODE, 3),
    (sys::AV1E_SET_COEFF_COST_UPD_FREQ, 3),
    (sys::AV1E_SET_DELTAQ_MODE, 0),
    (sys::AV1E_SET_ENABLE_CDEF, 1),
    (sys::AV1E_SET_ENABLE_GLOBAL_MOTION, 0),
    (sys::AV1E_SET_ENABLE_OBMC, 0),
    (sys::AV1E_SET_ENABLE_ORDER_HINT, 0),
    (sys::AV1E_SET_ENABLE_TPL_MODEL, 0),
    (sys::AV1E_SET_ENABLE_WARPED_MOTION, 0),
    (sys::AV1E_SET_MODE_COST_UPD_FREQ, 3),
    (sys::AV1E_SET_MV_COST_UPD_FREQ, 3),
    (sys::AV1E_SET_NOISE_SENSITIVITY, 0),
    (sys::AV1E_SET_ROW_MT, 1),
    (sys::AV1E_SET_COLOR_PRIMARIES, sys::AOM_CICP_CP_BT_709 as c_int),
    (sys::AV1E_SET_TRANSFER_CHARACTERISTICS, sys::AOM_CICP_TC_BT_709 as c_int),
    (sys::AV1E_SET_MATRIX_COEFFICIENTS, sys::AOM_CICP_MC_BT_709 as c_int),
];

/// One encoder, of one temporal layer. It makes a key frame when asked, and of itself only at the
/// start.
pub struct Av1Encoder {
    context: Box<sys::aom_codec_ctx_t>,
    config: Box<sys::aom_codec_enc_cfg_t>,
    size: Size,
    frame_rate: u32,
    last: Option<i64>,
    key_frame_wanted: bool,
}

// SAFETY: the library's encoder is bound to no thread, and `&mut self` keeps others out.
unsafe impl Send for Av1Encoder {}

impl Av1Encoder {
    /// An encoder for pictures of one size.
    ///
    /// # Errors
    /// [`VideoError::PictureSize`] for sizes that are not allowed,
    /// [`VideoError::CodecSetup`] and [`VideoError::CodecSetting`] when the library refuses.
    pub fn new(config: &EncoderConfig) -> Result<Self, VideoError> {
        let size = config.size.check()?;
        let mut library_config = Box::new(library_config(config)?);
        let mut context = Box::new(MaybeUninit::zeroed());
        // SAFETY: the context is written, the configuration read; the version is that of the bindings.
        let code = unsafe {
            sys::aom_codec_enc_init_ver(
                context.as_mut_ptr(),
                sys::aom_codec_av1_cx(),
                &raw mut *library_config,
                0,
                sys::AOM_ENCODER_ABI_VERSION as c_int,
            )
        };
        if code != sys::AOM_CODEC_OK {
            return Err(VideoError::CodecSetup { codec: "AV1", code: code as i32 });
        }
        // SAFETY: it has just been set up. From here on the destructor gives it back.
        let context = unsafe { context.assume_init() };
        let frame_rate = config.rate.frame_rate.max(1);
        let mut encoder =
            Self { context, config: library_config, size, frame_rate, last: None, key_frame_wanted: false };
        TOOLS.iter().try_for_each(|(id, value)| encoder.control(*id, *value))?;
        if config.content == ContentHint::Detail {
            encoder.control(sys::AV1E_SET_TUNE_CONTENT, sys::AOM_CONTENT_SCREEN as c_int)?;
            encoder.control(sys::AV1E_SET_ENABLE_PALETTE, 1)?;
        }
        // In powers of two.
        let tile_columns = u32::from(config.threads.max(1)).ilog2() as c_int;
        encoder.control(sys::AV1E_SET_TILE_COLUMNS, tile_columns)?;
        Ok(encoder)
    }

    fn control(&mut self, id: sys::aome_enc_control_id, value: c_int) -> Result<(), VideoError> {
        // SAFETY: the encoder lives, and all of the controls used here take an int.
        checked("tool", unsafe { sys::aom_codec_control(&raw mut *self.context, id as c_int, value) })
    }

    /// Appends what the library made, and returns whether it is a key frame.
    fn collect(&mut self, out: &mut Vec<u8>) -> bool {
        let mut key = false;
        let mut position = std::ptr::null();
        loop {
            // SAFETY: the encoder lives; what it returns stays until its next call.
            let packet =
                unsafe { sys::aom_codec_get_cx_data(&raw mut *self.context, &raw mut position).as_ref() };
            let Some(packet) = packet else { return key };
            if packet.kind != sys::AOM_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: of this kind, and as long as it says.
            let bytes = unsafe {
                let frame = &packet.data.frame;
                key |= frame.flags & sys::AOM_FRAME_IS_KEY != 0;
                std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz)
            };
            out.extend_from_slice(bytes);
        }
    }
}

impl VideoEncoder for Av1Encoder {
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
        let image = image(picture);
        let ticks = (at.as_micros() * u128::from(CLOCK_HZ) / 1_000_000) as i64;
        // The library wants time to go on.
        let ticks = self.last.map_or(ticks, |last| ticks.max(last + 1));
        self.last = Some(ticks);
        let flags = if self.key_frame_wanted { sys::AOM_EFLAG_FORCE_KF } else { 0 };
        // SAFETY: the encoder lives; the image's planes are as long as its size and strides say, and are read.
        let code = unsafe {
            sys::aom_codec_encode(
                &raw mut *self.context,
                &raw const image,
                ticks,
                (CLOCK_HZ / self.frame_rate) as c_ulong,
                flags as sys::aom_enc_frame_flags_t,
            )
        };
        if code != sys::AOM_CODEC_OK {
            return Err(VideoError::Encode { code: code as i32 });
        }
        let key = self.collect(out);
        if out.is_empty() {
            return Ok(None);
        }
        self.key_frame_wanted &= !key;
        Ok(Some(EncodedFrame { key, discardable: false }))
    }

    fn request_key_frame(&mut self) {
        self.key_frame_wanted = true;
    }

    fn set_rate(&mut self, rate: Rate) -> Result<(), VideoError> {
        self.frame_rate = rate.frame_rate.max(1);
        self.config.rc_target_bitrate = kilobits(rate.bitrate);
        // SAFETY: the encoder lives, and the configuration is read.
        checked("rate", unsafe {
            sys::aom_codec_enc_config_set(&raw mut *self.context, &raw const *self.config)
        })
    }
}

impl Drop for Av1Encoder {
    fn drop(&mut self) {
        // SAFETY: set up by its counterpart and given back once.
        unsafe { sys::aom_codec_destroy(&raw mut *self.context) };
    }
}

fn library_config(config: &EncoderConfig) -> Result<sys::aom_codec_enc_cfg_t, VideoError> {
    let mut library = MaybeUninit::zeroed();
    // SAFETY: the configuration is written.
    let code = unsafe {
        sys::aom_codec_enc_config_default(
            sys::aom_codec_av1_cx(),
            library.as_mut_ptr(),
            sys::AOM_USAGE_REALTIME,
        )
    };
    checked("defaults", code)?;
    // SAFETY: it has just been written.
    let mut library = unsafe { library.assume_init() };
    library.g_w = config.size.width;
    library.g_h = config.size.height;
    library.g_threads = config.threads.max(1).into();
    library.g_timebase = sys::aom_rational { num: 1, den: CLOCK_HZ as c_int };
    library.g_lag_in_frames = 0;
    library.g_error_resilient = 0;
    library.g_pass = sys::AOM_RC_ONE_PASS;
    library.kf_mode = sys::AOM_KF_DISABLED;
    library.rc_end_usage = sys::AOM_CBR;
    library.rc_target_bitrate = kilobits(config.rate.bitrate);
    library.rc_dropframe_thresh = 30;
    library.rc_min_quantizer = 10;
    library.rc_max_quantizer = 56;
    library.rc_undershoot_pct = 50;
    library.rc_overshoot_pct = 50;
    // In ms: how far a frame may be larger than its share.
    library.rc_buf_sz = 1000;
    library.rc_buf_initial_sz = 600;
    library.rc_buf_optimal_sz = 600;
    Ok(library)
}

/// A picture as the library reads one.
fn image(picture: &PictureRef<'_>) -> sys::aom_image_t {
    // SAFETY: numbers and pointers may all be zero.
    let mut image: sys::aom_image_t = unsafe { MaybeUninit::zeroed().assume_init() };
    let Size { width, height } = picture.size();
    image.fmt = sys::AOM_IMG_FMT_I420;
    image.bit_depth = 8;
    (image.w, image.h) = (width, height);
    (image.d_w, image.d_h) = (width, height);
    (image.x_chroma_shift, image.y_chroma_shift) = (1, 1);
    image.bps = 12;
    for (index, plane) in picture.planes().iter().enumerate() {
        // The library takes it as mutable and only reads it.
        image.planes[index] = plane.bytes.as_ptr().cast_mut();
        image.stride[index] = plane.stride as c_int;
    }
    image
}

fn kilobits(bitrate: u32) -> c_uint {
    (bitrate / 1000).max(1)
}

fn checked(setting: &'static str, code: sys::aom_codec_err_t) -> Result<(), VideoError> {
    if code == sys::AOM_CODEC_OK {
        Ok(())
    } else {
        Err(VideoError::CodecSetting { codec: "AV1", setting, code: code as i32 })
    }
}

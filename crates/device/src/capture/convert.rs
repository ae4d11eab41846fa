//! Pixels of cameras, as I420 in BT.709, limited range.

use super::CaptureError;
use voicehall_video::{Picture, Size};
use yuv::{
    BufferStoreMut, YuvBiPlanarImage, YuvConversionMode, YuvPackedImage, YuvPlanarImageMut, YuvRange,
    YuvStandardMatrix,
};

/// How exactly colours are computed: to a step of 255, and several times as fast as exactly.
pub(super) const MODE: YuvConversionMode = YuvConversionMode::Balanced;

/// What cameras mean by YUV, unless they say otherwise, which none of the interfaces lets them.
const CAMERA_MATRIX: YuvStandardMatrix = YuvStandardMatrix::Bt601;

/// Rows of pixels that somebody else owns.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// In pixels.
    pub size: Size,
}

/// Red, green, blue.
pub(super) fn rgb(rows: &Rows<'_>, picture: &mut Picture) -> Result<(), CaptureError> {
    let stride = rows.stride as u32;
    yuv::rgb_to_yuv420(
        &mut planar(picture),
        rows.bytes,
        stride,
        YuvRange::Limited,
        YuvStandardMatrix::Bt709,
        MODE,
    )
    .map_err(CaptureError::failed)
}

/// Packed YUYV of a camera, by way of RGB, for its colours are of another matrix.
pub(super) fn yuyv(rows: &Rows<'_>, picture: &mut Picture, room: &mut Vec<u8>) -> Result<(), CaptureError> {
    let Size { width, height } = rows.size;
    if rows.bytes.len() < rows.stride * height as usize {
        return Err(cut_short());
    }
    let packed = YuvPackedImage { yuy: rows.bytes, yuy_stride: rows.stride as u32, width, height };
    by_rgb(rows.size, picture, room, |rgb, stride| {
        yuv::yuyv422_to_rgb(&packed, rgb, stride, YuvRange::Limited, CAMERA_MATRIX)
    })
}

/// A camera's NV12, luma followed by chroma without a gap.
pub(super) fn nv12(
    bytes: &[u8],
    size: Size,
    picture: &mut Picture,
    room: &mut Vec<u8>,
) -> Result<(), CaptureError> {
    let Size { width, height } = size;
    let luma = size.pixels() as usize;
    let uv_stride = width.div_ceil(2) * 2;
    let chroma = (uv_stride * height.div_ceil(2)) as usize;
    let (Some(y_plane), Some(uv_plane)) = (bytes.get(..luma), bytes.get(luma..luma + chroma)) else {
        return Err(cut_short());
    };
    let planes = YuvBiPlanarImage { y_plane, y_stride: width, uv_plane, uv_stride, width, height };
    by_rgb(size, picture, room, |rgb, stride| {
        yuv::yuv_nv12_to_rgb(&planes, rgb, stride, YuvRange::Limited, CAMERA_MATRIX, MODE)
    })
}

/// A camera's JPEG, of which each picture is one. Its size must be the picture's.
pub(super) fn jpeg(bytes: &[u8], picture: &mut Picture, room: &mut Vec<u8>) -> Result<(), CaptureError> {
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;
    let options = DecoderOptions::default()
        .set_max_width(Size::SIDE_MAX as usize)
        .set_max_height(Size::SIDE_MAX as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(CaptureError::failed)?;
    let size = picture.size();
    if decoder.dimensions() != Some((size.width as usize, size.height as usize)) {
        return Err(CaptureError::Failed("the camera's picture has another size".to_owned()));
    }
    room.resize(size.pixels() as usize * 3, 0);
    decoder.decode_into(room).map_err(CaptureError::failed)?;
    rgb(&Rows { bytes: room, stride: size.width as usize * 3, size }, picture)
}

fn cut_short() -> CaptureError {
    CaptureError::Failed("the camera's picture is cut short".to_owned())
}

fn by_rgb(
    size: Size,
    picture: &mut Picture,
    room: &mut Vec<u8>,
    convert: impl FnOnce(&mut [u8], u32) -> Result<(), yuv::YuvError>,
) -> Result<(), CaptureError> {
    let stride = size.width * 3;
    room.resize((stride * size.height) as usize, 0);
    convert(room, stride).map_err(CaptureError::failed)?;
    rgb(&Rows { bytes: room, stride: stride as usize, size }, picture)
}

pub(super) fn planar(picture: &mut Picture) -> YuvPlanarImageMut<'_, u8> {
    let size = picture.size();
    let chroma = size.chroma().width;
    let [y, u, v] = picture.planes_mut();
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: size.width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: chroma,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: chroma,
        width: size.width,
        height: size.height,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const RED: [u8; 3] = [255, 0, 0];
    /// By BT.709 in limited range.
    pub(in super::super) const RED_YUV: [u8; 3] = [63, 102, 240];

    pub(in super::super) fn picture(size: Size) -> Picture {
        Picture::new(size).unwrap()
    }

    pub(in super::super) fn assert_filled(picture: &Picture, wanted: [u8; 3], tolerance: u8) {
        for (plane, wanted) in picture.view().planes().iter().zip(wanted) {
            let worst = plane.bytes.iter().map(|byte| byte.abs_diff(wanted)).max();
            assert!(worst <= Some(tolerance), "{worst:?} from {wanted}: {:?}", &plane.bytes[..4]);
        }
    }

    #[test]
    fn pixels_that_are_missing_are_an_error() {
        let size = Size::new(8, 8);
        let mut picture = picture(size);
        let mut room = Vec::new();
        let short = [0; 40];
        assert!(yuyv(&Rows { bytes: &short, stride: 16, size }, &mut picture, &mut room).is_err());
        assert!(nv12(&short, size, &mut picture, &mut room).is_err());
        assert!(nv12(&[0; 65], size, &mut picture, &mut room).is_err());
        assert!(jpeg(&short, &mut picture, &mut room).is_err());
    }

    #[test]
    fn cameras_colours_become_those_of_bt709() {
        // Red by BT.601 in limited range.
        let [y, u, v] = [81, 90, 240];
        let size = Size::new(16, 8);
        let mut room = Vec::new();
        let mut picture = picture(size);
        let packed = [y, u, y, v].repeat(64);
        yuyv(&Rows { bytes: &packed, stride: 32, size }, &mut picture, &mut room).unwrap();
        assert_filled(&picture, RED_YUV, 3);
        picture.planes_mut().into_iter().for_each(|plane| plane.fill(0));
        let planes = [vec![y; 128], [u, v].repeat(32)].concat();
        nv12(&planes, size, &mut picture, &mut room).unwrap();
        assert_filled(&picture, RED_YUV, 3);
        // In full range, as all JPEG is; drivers leave something of older pictures behind it.
        let mut photo = include_bytes!("../../tests/pictures/red.jpg").to_vec();
        photo.extend([0x55; 100]);
        picture.planes_mut().into_iter().for_each(|plane| plane.fill(0));
        jpeg(&photo, &mut picture, &mut room).unwrap();
        assert_filled(&picture, RED_YUV, 3);
        assert!(
            jpeg(&photo, &mut Picture::new(Size::new(8, 8)).unwrap(), &mut room).is_err(),
            "another size"
        );
    }
}

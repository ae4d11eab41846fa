//! The cursor, which is in no window's picture and has to be drawn in.

use super::list::Area;

/// A cursor's picture and where it is on the screen.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    /// Of the left upper corner.
    pub x: i32,
    /// Of the left upper corner.
    pub y: i32,
    pub width: i32,
    pub height: i32,
    /// Alpha, red, green, blue; the colours are multiplied by alpha already.
    pub argb: Vec<u32>,
}

impl Cursor {
    /// Whether any of it is within an area of the screen.
    pub(super) fn is_within(&self, area: Area) -> bool {
        let (x, y) = (self.x - i32::from(area.x), self.y - i32::from(area.y));
        x < area.width.into()
            && y < area.height.into()
            && x + self.width > 0
            && y + self.height > 0
            && self.argb.iter().any(|argb| argb >> 24 != 0)
    }

    /// Draws it over BGRX without gaps between rows, which shows this area of the screen.
    pub(super) fn draw(&self, bgrx: &mut [u8], area: Area) {
        let (left, top) = (self.x - i32::from(area.x), self.y - i32::from(area.y));
        let (width, height) = (i32::from(area.width), i32::from(area.height));
        for row in 0.max(-top)..self.height.min(height - top) {
            for column in 0.max(-left)..self.width.min(width - left) {
                let Some(argb) = self.argb.get((row * self.width + column) as usize) else { return };
                let [alpha, colours @ ..] = argb.to_be_bytes();
                let place = ((top + row) * width + left + column) as usize * 4;
                for (under, over) in bgrx[place..place + 3].iter_mut().zip(colours.into_iter().rev()) {
                    let rest = u32::from(*under) * (255 - u32::from(alpha)) / 255;
                    *under = (rest + u32::from(over)).min(255) as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { x: 100, y: 50, width: 4, height: 3 };

    fn cursor(x: i32, y: i32) -> Cursor {
        Cursor { x, y, width: 2, height: 2, argb: vec![0xff01_0203; 4] }
    }

    #[test]
    fn it_is_drawn_where_it_is_and_cut_at_the_edges() {
        for (x, y, covered) in [
            (101, 51, vec![5, 6, 9, 10]),
            (99, 49, vec![0]),
            (103, 52, vec![11]),
            (98, 50, vec![]),
            (104, 53, vec![]),
            (-2000, 51, vec![]),
        ] {
            let mut pixels = vec![9; 48];
            let cursor = cursor(x, y);
            cursor.draw(&mut pixels, AREA);
            let drawn: Vec<usize> = (0..12).filter(|n| pixels[n * 4..][..3] == [3, 2, 1]).collect();
            assert_eq!(drawn, covered, "at {x}, {y}");
            assert_eq!(cursor.is_within(AREA), !covered.is_empty(), "at {x}, {y}");
        }
    }

    #[test]
    fn what_is_transparent_shows_what_is_below() {
        let mut pixels = vec![200; 48];
        let mut half = cursor(100, 50);
        half.argb = vec![0, 0x8000_0000, 0, 0];
        half.draw(&mut pixels, AREA);
        assert_eq!(pixels[..8], [200, 200, 200, 200, 99, 99, 99, 200]);
        half.argb = vec![0; 4];
        assert!(!half.is_within(AREA), "a hidden cursor is nowhere");
    }
}

//! Ink on paper: curves through points, and the pixels that a round pen darkens along them.

use super::forms::Point;
use crate::data::images::SIDE;

/// Straight pieces between two points of a stroke; four leave no visible corner at 28 pixels.
const PIECES: usize = 4;

/// A smooth curve through the points of a stroke, as a polyline. A point named twice is a corner.
///
/// Catmull-Rom: between two points the curve leaves each in the direction from its predecessor to its successor.
#[expect(clippy::indexing_slicing, reason = "a place beyond either end is taken as the end; a point has two axes")]
pub(super) fn curve(points: &[Point], polyline: &mut Vec<Point>) {
    polyline.clear();
    polyline.extend(points.first());
    for (index, [here, next]) in points.array_windows().enumerate() {
        let before = points[index.saturating_sub(1)];
        let after = points[(index + 2).min(points.len() - 1)];
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            polyline.push([0, 1].map(|axis| catmull_rom([before, *here, *next, after].map(|p| p[axis]), t)));
        }
    }
}

fn catmull_rom([p0, p1, p2, p3]: [f32; 4], t: f32) -> f32 {
    let linear = p2 - p0;
    let square = 2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3;
    let cubic = 3.0 * p1 - p0 - 3.0 * p2 + p3;
    p1 + 0.5 * t * (linear + t * (square + t * cubic))
}

/// A picture being drawn: 28 x 28, 0 is paper and 1 is ink.
pub(super) struct Paper {
    pub(super) darkness: [f32; SIDE * SIDE],
}

impl Paper {
    pub(super) fn blank() -> Self {
        Paper { darkness: [0.0; SIDE * SIDE] }
    }

    /// Draws a straight piece with a round pen; points and radius in pixels. Where strokes cross, ink does not add up.
    ///
    /// Only pixels near the piece are looked at: a digit costs a few thousand distances.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::indexing_slicing,
        reason = "clamped to the paper before"
    )]
    pub(super) fn draw(&mut self, from: Point, to: Point, radius: f32) {
        let reach = radius + 1.0;
        let span = |a: f32, b: f32| {
            let first = (a.min(b) - reach).floor().clamp(0.0, SIDE as f32) as usize;
            let end = ((a.max(b) + reach).ceil() + 1.0).clamp(0.0, SIDE as f32) as usize;
            first..end
        };
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length_squared = (dx * dx + dy * dy).max(1e-12);
        for y in span(from[1], to[1]) {
            for x in span(from[0], to[0]) {
                let (px, py) = (x as f32 + 0.5 - from[0], y as f32 + 0.5 - from[1]);
                let along = ((px * dx + py * dy) / length_squared).clamp(0.0, 1.0);
                let distance = (px - along * dx).hypot(py - along * dy);
                // A pixel is darkened by the share of it under the pen, taken as linear across the rim.
                let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
                let pixel = &mut self.darkness[y * SIDE + x];
                *pixel = pixel.max(cover);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "points that a curve goes through and full ink are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_through_its_points_and_stays_straight_on_a_line() {
        let mut polyline = Vec::new();
        curve(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], &mut polyline);
        assert_eq!(polyline.len(), 1 + 2 * PIECES);
        assert_eq!((polyline[0], polyline[PIECES]), ([0.0, 0.0], [1.0, 1.0]));
        assert!(polyline.iter().all(|[x, y]| (x - y).abs() < 1e-6));
    }

    #[test]
    fn a_pen_darkens_what_it_covers_and_may_leave_the_paper() {
        let mut paper = Paper::blank();
        paper.draw([-5.0, 14.0], [40.0, 14.0], 1.0);
        assert_eq!(paper.darkness[14 * SIDE], 1.0);
        assert_eq!(paper.darkness[13 * SIDE + 27], 1.0);
        assert_eq!(paper.darkness[11 * SIDE + 10], 0.0);
        paper.draw([-50.0, -50.0], [-40.0, -60.0], 2.0);
        assert_eq!(paper.darkness.iter().filter(|&&ink| ink > 0.0).count(), 2 * SIDE);
    }
}

use super::*;
use proptest::prelude::*;

const CAMERA: Source =
    Source { screen: false, size: Size::new(1280, 720), frame_rate: 30, content: ContentHint::Motion };
const GAME: Source =
    Source { screen: true, size: Size::new(1920, 1080), frame_rate: 60, content: ContentHint::Motion };
const PAGE: Source =
    Source { screen: true, size: Size::new(1920, 1080), frame_rate: 30, content: ContentHint::Detail };
const AMPLE: u32 = u32::MAX;

fn shape(plan: &Plan) -> Vec<(usize, u32, u32)> {
    plan.layers().map(|layer| (layer.index, layer.size.height, layer.rate.frame_rate)).collect()
}

#[test]
fn sources_have_their_layers() {
    let sizes = |source: Source, width, height| {
        layer_sizes(&Source { size: Size::new(width, height), ..source })
            .map(|size| (size.width, size.height))
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(CAMERA, 1280, 720), [(320, 180), (640, 360), (1280, 720)]);
    assert_eq!(sizes(CAMERA, 1920, 1080), [(320, 180), (640, 360), (1280, 720)]);
    assert_eq!(sizes(CAMERA, 640, 480), [(160, 120), (320, 240), (640, 480)]);
    assert_eq!(sizes(CAMERA, 720, 1280), [(180, 320), (360, 640), (720, 1280)]);
    assert_eq!(sizes(CAMERA, 320, 240), [(160, 120), (320, 240)]);
    assert_eq!(sizes(CAMERA, 64, 48), [(64, 48)]);
    assert_eq!(sizes(GAME, 1920, 1080), [(640, 360), (1920, 1080)]);
    assert_eq!(sizes(PAGE, 1367, 769), [(640, 360), (1366, 768)]);
    assert_eq!(sizes(PAGE, 400, 300), [(400, 300)]);
}

#[test]
fn only_what_is_wanted_is_encoded() {
    for (source, demand, expected) in [
        (CAMERA, [None, None, None], vec![]),
        (CAMERA, [Some(0), None, None], vec![]),
        (CAMERA, [Some(15), None, None], vec![(0, 180, 15)]),
        (CAMERA, [Some(30), Some(60), Some(30)], vec![(0, 180, 30), (1, 360, 30), (2, 720, 30)]),
        (GAME, [None, Some(60), None], vec![(1, 1080, 60)]),
        (GAME, [Some(60), Some(30), None], vec![(0, 360, 5), (1, 1080, 30)]),
        // Who asks for more than there is gets the largest.
        (GAME, [Some(5), None, Some(60)], vec![(0, 360, 5), (1, 1080, 60)]),
        (Source { size: Size::new(320, 240), ..CAMERA }, [None, Some(10), Some(30)], vec![(1, 240, 30)]),
        (Source { size: Size::new(400, 300), ..PAGE }, [None, Some(30), None], vec![(0, 300, 30)]),
    ] {
        assert_eq!(shape(&plan(&source, &demand, AMPLE, 0)), expected, "{source:?} {demand:?}");
    }
}

#[test]
fn a_busy_processor_costs_layers_before_frame_rate() {
    let all = [Some(60); 3];
    let shapes =
        |source| (0..5).map(|savings| shape(&plan(&source, &all, AMPLE, savings))).collect::<Vec<_>>();
    assert_eq!(
        shapes(CAMERA),
        [
            vec![(0, 180, 30), (1, 360, 30), (2, 720, 30)],
            vec![(0, 180, 30), (1, 360, 30)],
            vec![(0, 180, 30)],
            vec![(0, 180, 15)],
            vec![(0, 90, 15)],
        ]
    );
    assert_eq!(
        shapes(PAGE),
        [
            vec![(0, 360, 5), (1, 1080, 30)],
            vec![(1, 1080, 30)],
            vec![(1, 1080, 15)],
            vec![(1, 1080, 7)],
            vec![(1, 1080, 3)],
        ]
    );
    // Nobody wants the others, so there is no layer to give up.
    assert_eq!(shape(&plan(&CAMERA, &[None, None, Some(30)], AMPLE, 1)), [(2, 720, 15)]);
}

#[test]
fn a_thin_line_costs_layers_and_then_what_the_content_holds_cheap() {
    let all = [Some(60); 3];
    let shapes = |source, bitrates: &[u32]| {
        bitrates.iter().map(|bitrate| shape(&plan(&source, &all, *bitrate, 0))).collect::<Vec<_>>()
    };
    assert_eq!(
        shapes(CAMERA, &[3_000_000, 1_500_000, 800_000, 250_000, 60_000]),
        [
            vec![(0, 180, 30), (1, 360, 30), (2, 720, 30)],
            vec![(0, 180, 30), (1, 360, 30), (2, 720, 30)],
            vec![(0, 180, 30), (1, 360, 30)],
            vec![(0, 180, 30)],
            vec![(0, 102, 30)],
        ]
    );
    // A page is read whatever the line carries, a game moves.
    let [page, game] = [PAGE, GAME].map(|source| plan(&source, &[None, Some(60), None], 400_000, 0));
    let (page, game) = (page.layer(1).unwrap(), game.layer(1).unwrap());
    assert_eq!((page.size.height, page.rate.frame_rate < 10), (1080, true), "{page:?}");
    assert_eq!((game.size.height < 700, game.rate.frame_rate), (true, 60), "{game:?}");
}

#[test]
fn what_changes_seldom_has_one_temporal_layer() {
    let layers = |source| {
        plan(&source, &[Some(30); 3], AMPLE, 0)
            .layers()
            .map(|layer| layer.temporal_layers)
            .collect::<Vec<_>>()
    };
    assert_eq!(layers(CAMERA), [2, 2, 2]);
    assert_eq!(layers(GAME), [1, 2]);
    assert_eq!(layers(PAGE), [1, 1]);
}

/// Runs for some seconds at 30 pictures a second, each of which takes so much of its time.
fn run(load: &mut Load, now: &mut Instant, seconds: u64, busy: f64) -> u8 {
    let interval = Duration::from_micros(33_333);
    for _ in 0..seconds * 30 {
        *now += interval;
        load.note(*now, interval.mul_f64(busy), interval);
    }
    load.savings()
}

#[test]
fn the_processor_is_spared_soon_and_given_more_slowly() {
    let mut now = Instant::now();
    let mut load = Load::default();
    assert_eq!(run(&mut load, &mut now, 60, 0.8), 0);
    assert_eq!(run(&mut load, &mut now, 2, 1.2), 1);
    // Neither late nor idle: that is right.
    assert_eq!(run(&mut load, &mut now, 60, 0.6), 1);
    assert_eq!(run(&mut load, &mut now, 7, 0.2), 1);
    assert_eq!(run(&mut load, &mut now, 3, 0.2), 0);
    // It was too much, so it is not tried again after the same time.
    assert_eq!(run(&mut load, &mut now, 2, 1.2), 1);
    assert_eq!(run(&mut load, &mut now, 14, 0.2), 1);
    assert_eq!(run(&mut load, &mut now, 4, 0.2), 0);
    assert!(run(&mut load, &mut now, 3600, 5.0) == SAVINGS_MAX);
}

#[test]
fn one_slow_picture_changes_nothing() {
    let mut now = Instant::now();
    let mut load = Load::default();
    for _ in 0..100 {
        run(&mut load, &mut now, 1, 0.5);
        load.note(now, Duration::from_millis(100), Duration::from_millis(33));
    }
    assert_eq!(load.savings(), 0);
}

proptest! {
    #[test]
    fn a_plan_is_possible_and_fits(
        screen: bool,
        motion: bool,
        width in 16u32..4096,
        height in 16u32..2304,
        frame_rate in 1u32..120,
        demand: [Option<u8>; 3],
        bitrate_max in 200_000u32..20_000_000,
        savings in 0..=SAVINGS_MAX,
    ) {
        let content = if motion { ContentHint::Motion } else { ContentHint::Detail };
        let source = Source { screen, size: Size::new(width, height), frame_rate, content };
        let demand = demand.map(|rate| rate.map(u32::from));
        let plan = plan(&source, &demand, bitrate_max, savings);
        prop_assert!(plan.bitrate() <= bitrate_max, "{plan:?}");
        let wanted = demand.iter().flatten().any(|rate| *rate > 0);
        prop_assert_eq!(plan.layers().count() > 0, wanted);
        for layer in plan.layers() {
            prop_assert!(layer.size.is_allowed() && layer.size.width % 2 == 0 && layer.size.height % 2 == 0);
            prop_assert!(layer.size.width <= width && layer.size.height <= height);
            prop_assert!(layer.rate.frame_rate >= 1 && layer.rate.frame_rate <= frame_rate);
            prop_assert!(layer.rate.bitrate >= BITRATE_MIN.min(bitrate_max));
        }
        let mut areas = plan.layers().map(|layer| layer.size.pixels()).collect::<Vec<_>>();
        areas.sort();
        prop_assert_eq!(areas, plan.layers().map(|layer| layer.size.pixels()).collect::<Vec<_>>());
    }
}

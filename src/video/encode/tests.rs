use super::*;
use crate::video::decode::open;

/// A gradient with a square that moves: `count` frames.
fn frames(width: usize, height: usize, count: usize) -> Vec<Vec<u8>> {
    let pixel = |t: usize, x: usize, y: usize| {
        let inside = (4 * t..4 * t + 8).contains(&x) && (4..12).contains(&y);
        if inside { [220, 40, 30] } else { [(x * 3) as u8, (y * 4) as u8, 90] }
    };
    let frame = |t| (0..width * height).flat_map(|i| pixel(t, i % width, i / width)).collect();
    (0..count).map(frame).collect()
}

#[test]
fn written_clips_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for (name, width, height, allowed) in
        [("a.mkv", 63, 41, 0.0), ("b.webm", 63, 41, 4.0), ("c.mp4", 64, 42, 4.0), ("d.webm", 96, 64, 4.0)]
    {
        let path = folder.path().join(name);
        let clip = frames(width, height, 9);
        let codec = if name == "d.webm" { Codec::Vp8 } else { Codec::of(&path).unwrap() };
        write(&path, codec, (width, height), 12.5, &clip, &Abort::default()).unwrap();
        let mut source = open(&path, &Abort::default()).unwrap().remove(0);
        let info = source.info();
        assert_eq!((info.frame_count, info.width, info.height), (9, width, height), "{name}");
        assert!((info.fps.unwrap() - 12.5).abs() < 0.01, "{name}: {:?}", info.fps);
        let got = source.read(&(0..9).collect::<Vec<_>>()).unwrap();
        let difference: u64 = got.data.iter().zip(clip.concat()).map(|(a, b)| u64::from(a.abs_diff(b))).sum();
        let mean = difference as f64 / got.data.len() as f64;
        assert!(mean <= allowed, "{name}: mean difference {mean}");
        let first = fs::read(&path).unwrap();
        write(&path, codec, (width, height), 12.5, &clip, &Abort::default()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first, "{name}: the same frames gave other bytes");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    let go = |size, fps, frames: &[Vec<u8>], abort: &Abort| {
        write(&path, Codec::Ffv1, size, fps, frames, abort).unwrap_err().code()
    };
    let (clip, calm) = (frames(8, 6, 2), Abort::default());
    assert_eq!(go((8, 6), f64::NAN, &clip, &calm), "invalid-input");
    assert_eq!(go((8, 0), 5.0, &clip, &calm), "invalid-input");
    assert_eq!(go((8, 7), 5.0, &clip, &calm), "invalid-input");
    assert_eq!(go((8, 6), 5.0, &[], &calm), "no-frames");
    let stop = Abort::default();
    stop.request();
    assert_eq!(go((8, 6), 5.0, &clip, &stop), "aborted");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(Codec::of(Path::new("a.avi")).unwrap_err().code(), "unknown-name");
    let odd = write(&folder.path().join("a.mp4"), Codec::H264, (7, 6), 5.0, &clip, &calm).unwrap_err();
    assert_eq!(odd.code(), "invalid-input");
    let nowhere = write(&folder.path().join("no/a.mkv"), Codec::Ffv1, (8, 6), 5.0, &clip, &calm).unwrap_err();
    assert_eq!(nowhere.code(), "io");
}

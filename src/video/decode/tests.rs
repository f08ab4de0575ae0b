use super::*;
use crate::video::Frames;
use std::path::PathBuf;
use std::process::Command;

fn video(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/videos").join(name)
}

fn open_one(path: &Path) -> Clip {
    super::open_one(path, &Abort::default()).unwrap()
}

fn failure(path: &Path) -> Error {
    open(path, &Abort::default()).err().unwrap_or_else(|| panic!("{} opened", path.display()))
}

/// Runs ffmpeg to make an input.
fn ffmpeg(arguments: &str, out: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments.split_whitespace()).arg(out);
    assert!(command.status().unwrap().success(), "ffmpeg {arguments}");
}

#[test]
fn lengths_and_sizes_equal_what_ffprobe_counts() {
    for name in ["asl-eat.mkv", "pig.webm", "rabbit320.mp4", "rabbit320.webm"] {
        let mut command = Command::new("ffprobe");
        command.args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "csv=p=0", "-show_entries"]);
        let output = command.arg("stream=width,height,nb_read_frames").arg(video(name)).output().unwrap();
        let info = open_one(&video(name)).info();
        let got = format!("{},{},{}", info.width, info.height, info.frame_count);
        assert_eq!(got, String::from_utf8(output.stdout).unwrap().trim(), "{name}");
        assert_eq!(info.fps, Some(30.0), "{name}");
    }
}

#[test]
fn frames_are_the_same_however_they_are_asked_for() {
    for name in ["rabbit320.webm", "rabbit320.mp4"] {
        let mut clip = open_one(&video(name));
        let count = clip.info().frame_count;
        let all = clip.read(&(0..count).collect::<Vec<_>>()).unwrap();
        let wanted = [count - 1, 0, 117, 118, 0, 31];
        let picked = clip.read(&wanted).unwrap();
        for (i, &index) in wanted.iter().enumerate() {
            assert!(picked.frame(i) == all.frame(index), "{name}: frame {index}");
            assert!(clip.read(&[index]).unwrap().data == all.frame(index), "{name}: frame {index} alone");
        }
        let mut again = open_again(&video(name), clip.info(), &Abort::default()).unwrap();
        assert!(again.info() == clip.info() && again.read(&wanted).unwrap() == picked);
        // A moving hand-held picture: neighbours differ, so a shift by one frame could not pass.
        assert!(all.frame(117) != all.frame(118) && all.frame(0) != all.frame(1));
        assert_eq!(clip.read(&[count]).unwrap_err().code(), "invalid-input");
    }
}

#[test]
fn the_two_codings_of_one_clip_show_the_same_picture() {
    let frame = |name| open_one(&video(name)).read(&[60]).unwrap();
    let (a, b): (Frames, Frames) = (frame("rabbit320.webm"), frame("rabbit320.mp4"));
    let difference: u64 = a.data.iter().zip(&b.data).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = difference as f64 / a.data.len() as f64;
    assert!(mean < 8.0, "mean difference {mean} levels");
}

#[test]
fn colours_are_those_of_the_matrix() {
    let folder = tempfile::tempdir().unwrap();
    // An untagged file takes BT.601, a tagged one its tag.
    for (name, size, matrix, tags) in [
        ("sd.mkv", "64x48", "bt601", ""),
        ("hd.mkv", "64x720", "bt601", ""),
        ("tagged.mkv", "64x48", "bt709", "-colorspace bt709"),
    ] {
        let path = folder.path().join(name);
        let source = format!(
            "-f lavfi -i color=0xC83214:s={size}:r=5:d=1,format=rgb24,scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p"
        );
        ffmpeg(&format!("{source} {tags} -c:v ffv1"), &path);
        let frame = open_one(&path).read(&[2]).unwrap();
        for (channel, expected) in [200_u8, 50, 20].into_iter().enumerate() {
            assert!(frame.data[channel].abs_diff(expected) <= 2, "{name}: {:?}", &frame.data[..3]);
        }
    }
}

#[test]
fn uneven_clocks_rotation_odd_sizes_and_changes_of_size_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let pattern = "-f lavfi -i testsrc=s=37x21:r=10:d=2";
    ffmpeg(&format!("{pattern} -c:v ffv1"), &path("odd.mkv"));
    let info = open_one(&path("odd.mkv")).info();
    assert_eq!((info.width, info.height, info.frame_count), (37, 21, 20));

    // Every fifth frame is left out, the times of the others stay: 16 frames, none filled in.
    ffmpeg(&format!("{pattern} -vf select=mod(n\\,5) -fps_mode vfr -c:v ffv1"), &path("uneven.mkv"));
    let mut uneven = open_one(&path("uneven.mkv"));
    assert_eq!(uneven.info().frame_count, 16);
    let original = open_one(&path("odd.mkv")).read(&[1, 4, 6, 19]).unwrap();
    assert!(uneven.read(&[0, 3, 4, 15]).unwrap() == original);

    ffmpeg("-f lavfi -i testsrc=s=48x32:r=10:d=1 -pix_fmt yuv420p -c:v libx264", &path("flat.mp4"));
    let from = format!("-i {} -c copy -metadata:s:v:0 rotate=90", path("flat.mp4").display());
    ffmpeg(&from, &path("turned.mp4"));
    let mut turned = open_one(&path("turned.mp4"));
    assert_eq!((turned.info().width, turned.info().height), (32, 48));
    let (flat, turned) = (open_one(&path("flat.mp4")).read(&[0]).unwrap(), turned.read(&[0]).unwrap());
    let pixel = |frames: &Frames, x: usize, y: usize| {
        let at = (y * frames.width + x) * 3;
        [frames.data[at], frames.data[at + 1], frames.data[at + 2]]
    };
    let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 48);
    let upright = (0..48).flat_map(|x| (0..32).map(move |y| (x, y)));
    let clockwise = upright.clone().filter(|&(x, y)| near(pixel(&flat, x, y), pixel(&turned, 31 - y, x))).count();
    let counter = upright.filter(|&(x, y)| near(pixel(&flat, x, y), pixel(&turned, y, 47 - x))).count();
    // Edges blur by the halved chroma; the wrong turn agrees nowhere near.
    assert!(clockwise.max(counter) > 1100 && clockwise.min(counter) < 400, "{clockwise} and {counter} of {}", 48 * 32);

    for (name, size) in [("1.ts", "48x32"), ("2.ts", "96x64")] {
        ffmpeg(&format!("-f lavfi -i testsrc=s={size}:r=10:d=1 -pix_fmt yuv420p -c:v libx264"), &path(name));
    }
    let joined = [fs::read(path("1.ts")).unwrap(), fs::read(path("2.ts")).unwrap()].concat();
    fs::write(path("joined.ts"), joined).unwrap();
    let mut joined = open_one(&path("joined.ts"));
    assert_eq!((joined.info().frame_count, joined.info().width), (20, 48));
    let all = joined.read(&(0..20).collect::<Vec<_>>()).unwrap();
    for index in [3, 12, 19] {
        assert!(joined.read(&[index]).unwrap().data == all.frame(index), "frame {index}");
    }
}

#[test]
fn bad_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let put = |name: &str, bytes: &[u8]| {
        fs::write(path(name), bytes).unwrap();
        failure(&path(name))
    };
    let read = |name| fs::read(video(name)).unwrap();
    assert_eq!(failure(&path("nothing.mp4")).code(), "io");
    assert!(put("empty.webm", b"").to_string().contains("empty"));
    assert_eq!(put("text.mp4", b"a man walks in\nand out\n").code(), "corrupt-file");
    assert_eq!(put("text.txt", b"a man walks in\nand out\n").code(), "corrupt-file");
    let list = put("list.mp4", b"ffconcat version 1.0\nfile 'http://127.0.0.1:1/a.mp4'\n");
    assert!(matches!(list.code(), "corrupt-file" | "no-frames"), "{list}");
    for name in ["rabbit320.webm", "rabbit320.mp4"] {
        let bytes = read(name);
        let error = put(&format!("cut-{name}"), &bytes[..bytes.len() / 2]);
        assert_eq!(error.code(), "corrupt-file");
        assert!(error.to_string().contains("cut short"), "{error}");
    }
    assert_eq!(put("head.mp4", &read("rabbit320.mp4")[..600]).code(), "corrupt-file");
    ffmpeg("-f lavfi -i sine=d=1", &path("sound.mp4"));
    let error = failure(&path("sound.mp4"));
    assert_eq!(error.code(), "no-frames");
    assert!(error.to_string().contains("no video stream"), "{error}");
}

/// More frames than ffmpeg is asked to choose, and as many as it just is.
#[test]
fn long_lists_of_frames_are_visited_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mkv");
    ffmpeg("-f lavfi -i testsrc2=size=16x16:rate=100 -frames:v 6400 -c:v ffv1", &path);
    let mut clip = open_one(&path);
    let mut visited = |indices: &[usize]| {
        let mut frames = Vec::new();
        clip.visit(indices, &mut |frame| {
            frames.push(frame.to_vec());
            Ok(())
        })
        .unwrap();
        frames
    };
    let all = visited(&(0..6400).collect::<Vec<_>>());
    assert_eq!(all.len(), 6400);
    for step in [2, 3] {
        let indices: Vec<usize> = (1..6400).step_by(step).collect();
        let expected: Vec<&Vec<u8>> = indices.iter().map(|index| &all[*index]).collect();
        assert!(visited(&indices).iter().eq(expected), "every {step}");
    }
    let error = clip.visit(&[6400], &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.code(), "invalid-input");
    let stopped = clip.visit(&[0, 9], &mut |_| Err(Error::Aborted)).unwrap_err();
    assert_eq!(stopped.code(), "aborted");
}

#[test]
fn names_that_look_like_options_or_addresses_are_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["-i.webm", "http:a.webm", "a b'%03d.webm"] {
        let path = folder.path().join(name);
        fs::copy(video("rabbit320.webm"), &path).unwrap();
        assert_eq!(open_one(&path).info().frame_count, 234, "{name}");
    }
}

#[test]
fn an_abort_stops_opening_and_reading() {
    let abort = Abort::default();
    let mut clip = open(&video("rabbit320.webm"), &abort).unwrap().remove(0);
    abort.request();
    assert_eq!(clip.read(&[0]).unwrap_err().code(), "aborted");
    assert_eq!(open(&video("rabbit320.webm"), &abort).err().unwrap().code(), "aborted");
}

#[test]
fn a_folder_of_images_is_a_clip() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert_eq!(failure(folder.path()).code(), "no-frames");
    for (name, level) in [("f10.png", 30), ("f9.png", 20), ("f1.webp", 10), (".hidden.png", 99)] {
        image::RgbImage::from_pixel(5, 3, image::Rgb([level, 0, 200])).save(path(name)).unwrap();
    }
    fs::write(path("notes.txt"), "none of it").unwrap();
    let mut clip = open_one(folder.path());
    let info = clip.info();
    assert_eq!((info.frame_count, info.width, info.height, info.fps), (3, 5, 3, None));
    let frames = clip.read(&[2, 0, 1]).unwrap();
    assert_eq!([0, 1, 2].map(|i| frames.frame(i)[..3].to_vec()), [[30, 0, 200], [10, 0, 200], [20, 0, 200]]);

    image::RgbImage::new(6, 3).save(path("f11.jpg")).unwrap();
    let error = failure(folder.path());
    assert!(error.to_string().contains("6 x 3") && error.to_string().contains("5 x 3"), "{error}");
    fs::write(path("f11.jpg"), "no image").unwrap();
    assert_eq!(failure(folder.path()).code(), "corrupt-file");
}

#[test]
fn an_image_is_a_clip_of_one_frame() {
    let folder = tempfile::tempdir().unwrap();
    // What it is shows in its bytes.
    let path = folder.path().join("picture.mp4");
    let image = image::RgbImage::from_fn(4, 2, |x, y| image::Rgb([x as u8 * 9, y as u8 * 70, 200]));
    image.save_with_format(&path, image::ImageFormat::Png).unwrap();
    let mut clip = open_one(&path);
    let info = clip.info();
    assert_eq!((info.frame_count, info.fps, info.width, info.height), (1, None, 4, 2));
    assert_eq!(clip.read(&[0, 0]).unwrap().frame(1), image.as_raw().as_slice());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..20]).unwrap();
    assert_eq!(failure(&path).code(), "corrupt-file");
}

fn safetensors(path: &Path, name: &str, dtype: safetensors::Dtype, shape: &[usize], fps: Option<&str>) -> Vec<u8> {
    let bytes: Vec<u8> = (0..shape.iter().product::<usize>() * dtype.bitsize() / 8).map(|i| (i % 251) as u8).collect();
    let view = safetensors::tensor::TensorView::new(dtype, shape.to_vec(), &bytes).unwrap();
    let metadata = fps.map(|fps| [("fps".to_owned(), fps.to_owned())].into());
    fs::write(path, safetensors::serialize([(name, view)], metadata).unwrap()).unwrap();
    bytes
}

#[test]
fn a_tensor_file_holds_one_clip_or_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clips.bin");
    let bytes = safetensors(&path, FRAMES, safetensors::Dtype::U8, &[4, 2, 3, 3], Some("12.5"));
    let mut clip = open_one(&path);
    let info = clip.info();
    assert_eq!((info.frame_count, info.height, info.width, info.fps), (4, 2, 3, Some(12.5)));
    assert_eq!(clip.read(&[3, 1]).unwrap().data, [&bytes[54..72], &bytes[18..36]].concat());

    let bytes = safetensors(&path, FRAMES, safetensors::Dtype::U8, &[2, 4, 2, 3, 3], None);
    let mut clips = open(&path, &Abort::default()).unwrap();
    assert_eq!(clips.len(), 2);
    assert_eq!(clips[1].read(&[0]).unwrap().data, bytes[72..90]);
    assert_eq!(super::open_one(&path, &Abort::default()).err().unwrap().code(), "invalid-input");
    assert_eq!(clips[0].info().fps, None);

    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/viclip_tiny/inputs.safetensors");
    let clips = open(&fixture, &Abort::default()).unwrap();
    assert_eq!(clips.iter().map(|clip| clip.info().frame_count).collect::<Vec<_>>(), [4, 4, 4]);
}

#[test]
fn tensor_files_that_do_not_fit_say_why() {
    use safetensors::Dtype;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let make = |name: &str, dtype, shape: &[usize], fps| {
        safetensors(&path, name, dtype, shape, fps);
        let error = failure(&path);
        (error.code(), error.to_string())
    };
    let (code, text) = make("pixels", Dtype::U8, &[1, 2, 2, 3], None);
    assert!(code == "invalid-input" && text.contains("holds pixels"), "{text}");
    let (code, text) = make(FRAMES, Dtype::F32, &[1, 2, 2, 3], None);
    assert!(code == "invalid-input" && text.contains("F32"), "{text}");
    let (code, text) = make(FRAMES, Dtype::U8, &[1, 3, 2, 2], None);
    assert!(code == "invalid-input" && text.contains("[1, 3, 2, 2]"), "{text}");
    assert_eq!(make(FRAMES, Dtype::U8, &[0, 2, 2, 3], None).0, "no-frames");
    assert_eq!(make(FRAMES, Dtype::U8, &[1, 2, 2, 3], Some("NaN")).0, "invalid-input");
    safetensors(&path, FRAMES, Dtype::U8, &[1, 2, 2, 3], None);
    let whole = fs::read(&path).unwrap();
    for cut in [5, 20, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(failure(&path).code(), "corrupt-file", "cut at {cut}");
    }
}

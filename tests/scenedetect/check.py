#!/usr/bin/env python3
"""Holds `sgcr cuts` against the real PySceneDetect (PyPI), frame by frame, in a virtual environment under the user's cache
folder (SGCR_SCENEDETECT_VENV says where).

    tests/scenedetect/check.py [VIDEO ...]   the clips of tests/fixtures/videos, films cut together from them, and the videos
    tests/scenedetect/check.py --update      makes tests/fixtures/pyscenedetect/real_clips.json again

Each video is compared twice: as OpenCV decodes it, handed over without loss (scores must be equal), and as our own decoder
reads the file (scores are near, for decoders round colours differently; the scenes must be the same).
"""
import csv, json, os, pathlib, random, subprocess, sys, tempfile, venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sgcr"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or CACHE / "target")
PACKAGES = ["scenedetect==0.7.2", "opencv-python-headless==5.0.0.93"]
VIDEOS = ROOT / "tests/fixtures/videos"
FIXTURE = ROOT / "tests/fixtures/pyscenedetect/real_clips.json"
MAX_SCORE_OFF = 2.5  # seen: 1.9, on a clip of strong colours and fine detail


def in_environment():
    """Starts this file again with a Python that has the package."""
    folder = pathlib.Path(os.environ.get("SGCR_SCENEDETECT_VENV") or CACHE / "scenedetect-venv")
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def theirs(path):
    """The package's scenes and scores."""
    import scenedetect
    from scenedetect import ContentDetector, SceneManager

    class Noting(ContentDetector):
        """Keeps every score; the package's own statistics would also look for edges."""

        def process_frame(self, timecode, frame_img):
            cuts = super().process_frame(timecode, frame_img)
            scores.append(self._frame_score)
            return cuts

    scores = []
    manager = SceneManager()
    manager.add_detector(Noting())
    manager.detect_scenes(scenedetect.open_video(str(path)))
    return [[a.frame_num, b.frame_num] for a, b in manager.get_scene_list()], scores


def ours(path):
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "scores.csv"
        command = [TARGET / "debug/sgcr", "--quiet", "cuts", path, "--json", "--scores", table]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        scores = [float(row["score"]) for row in csv.DictReader(table.open(newline=""))]
    scenes = [[scene["first_frame"], scene["end_frame"]] for scene in told[0]["scenes"]]
    return (scenes if len(scenes) > 1 else []), scores  # the package lists no scene where there is no cut


def as_opencv_decodes(path, out):
    """The frames that the package sees, without loss."""
    import cv2

    video = cv2.VideoCapture(str(path))
    encoder = None
    while True:
        there, frame = video.read()
        if not there:
            break
        if encoder is None:
            size, rate = f"{frame.shape[1]}x{frame.shape[0]}", str(video.get(cv2.CAP_PROP_FPS))
            command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", size, "-r", rate, "-i", "-"]
            encoder = subprocess.Popen([*command, "-c:v", "ffv1", "-pix_fmt", "bgr0", out], stdin=subprocess.PIPE)
        encoder.stdin.write(frame.tobytes())
    encoder.stdin.close()
    assert encoder.wait() == 0


def films(folder):
    """Three films of parts of the clips in random order and length, flashes of a few frames among them."""
    clips = sorted(path for path in VIDEOS.iterdir() if path.suffix in {".mp4", ".webm", ".mkv"})
    for seed, (width, height, rate) in enumerate([(320, 240, "30"), (640, 360, "24000/1001"), (180, 320, "25")]):
        draw = random.Random(seed)
        chosen = [draw.choice(clips) for _ in range(12)]
        lengths = [draw.choice([2, 5, 14, 15, 16, 40, 75]) for _ in chosen]
        parts = "".join(
            f"[{i}:v]trim=end_frame={n},setpts=N/({rate})/TB,fps={rate},trim=end_frame={n},scale={width}:{height},setsar=1,format=yuv420p[v{i}];"
            for i, n in enumerate(lengths)
        )
        joined = "".join(f"[v{i}]" for i in range(len(chosen))) + f"concat=n={len(chosen)}[out]"
        out = folder / f"film{seed}.mkv"
        inputs = [word for clip in chosen for word in ("-i", str(clip))]
        command = ["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", parts + joined, "-map", "[out]"]
        subprocess.run([*command, "-c:v", "libx264", "-crf", "20", str(out)], check=True)
        yield out


def worst(a, b):
    assert len(a) == len(b), f"{len(a)} and {len(b)} frames"
    return max(abs(x - y) for x, y in zip(a, b))


def check(videos):
    failed = False
    print(f"{'video':24} {'frames':>7} {'scenes':>7} {'equal pixels':>13} {'own decoder':>12}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for path in [*videos, *films(folder)]:
            copy = folder / "copy.mkv"
            as_opencv_decodes(path, copy)
            scenes, scores = theirs(path)
            equal_scenes, equal_scores = ours(copy)
            own_scenes, own_scores = ours(path)
            equal, own = worst(scores, equal_scores), worst(scores, own_scores)
            fine = equal < 1e-9 and own < MAX_SCORE_OFF and scenes == equal_scenes == own_scenes
            print(f"{path.name:24} {len(scores):7} {len(scenes):7} {equal:13.1e} {own:12.3f}{'' if fine else '  DIFFERS'}")
            if scenes != own_scenes:
                print(f"  theirs {scenes}\n  ours   {own_scenes}, of equal pixels {equal_scenes}")
            failed |= not fine
    return failed


def update():
    clips = {}
    for path in sorted(path for path in VIDEOS.iterdir() if path.suffix in {".mp4", ".webm", ".mkv"}):
        scenes, scores = theirs(path)
        clips[path.name] = {"scene_list": scenes, "content_val": [round(score, 4) for score in scores]}
    FIXTURE.write_text(json.dumps({"source": ", ".join(PACKAGES), "clips": clips}) + "\n")


try:
    import scenedetect  # noqa: F401
except ImportError:
    in_environment()
if sys.argv[1:] == ["--update"]:
    update()
else:
    subprocess.run(["cargo", "build", "--quiet", "--bin", "sgcr"], cwd=ROOT, check=True)
    given = [pathlib.Path(name).resolve() for name in sys.argv[1:]]
    clips = sorted(path for path in VIDEOS.iterdir() if path.suffix in {".mp4", ".webm", ".mkv"})
    sys.exit(check([*clips, *given]))
